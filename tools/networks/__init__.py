"""MediaPipe's networks for faces and bodies, from TFLite files into the ONNX files of `avtr_cli/assets/networks`.

    python -m tools.networks [FOLDER]

reads them out of the installed mediapipe wheel and needs nothing else but `onnx`; avtr itself needs neither.
"""
