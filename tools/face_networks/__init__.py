"""MediaPipe's face networks, from TFLite files into the ONNX files of `avtr_cli/assets/faces`.

    python -m tools.face_networks [FOLDER]

reads them out of the installed mediapipe wheel and needs nothing else but `onnx`; avtr itself needs neither.
"""
