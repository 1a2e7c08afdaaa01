"""Converts the networks that perception asks; refuses sources other than those of the mediapipe 0.10.21 wheel."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.networks.graph import to_onnx
from tools.networks.tflite import mediapipe_folder, read

TARGET = Path(__file__).parents[2] / "avtr_cli" / "assets" / "networks"
WHEEL = "mediapipe 0.10.21"


@dataclass(frozen=True)
class Source:
    """A file of the wheel, what black is to its network, and our names for what leaves it, in the file's order."""

    path: str
    sha256: str
    low: float
    outputs: tuple[str, ...]
    windows: tuple[str, ...] = ()  # the parts of the face that it looks at twice


SOURCES = {
    "near_detector": Source(
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        -1.0,
        ("boxes", "logits"),
    ),
    "far_detector": Source(
        "face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        -1.0,
        ("boxes", "logits"),
    ),
    "face_points": Source(
        "face_landmark/face_landmark_with_attention.tflite",
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
        0.0,
        ("mesh", "lips", "left_eye", "right_eye", "left_iris", "right_iris", "there"),
        ("lips", "left_eye", "right_eye"),
    ),
    "person": Source(
        "selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
        0.0,
        ("probability",),
    ),
    "pose_detector": Source(
        "pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        -1.0,
        ("boxes", "logits"),
    ),
    "pose_points": Source(
        "pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        0.0,
        ("points", "there", "body", "heat", "metres"),
    ),
    "palm_detector": Source(
        "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        0.0,
        ("boxes", "logits"),
    ),
    "hand_points": Source(
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        0.0,
        ("points", "there", "right", "metres"),
    ),
}


def converted(name: str) -> bytes:
    """The ONNX file of one of SOURCES. Exits where the installed wheel has another file than the one known."""
    source = SOURCES[name]
    content = (mediapipe_folder() / "modules" / source.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise SystemExit(f"{source.path}: is not the file of {WHEEL}; install that, or check the new one and its sum")
    facts = {
        "source": f"{WHEEL}, mediapipe/modules/{source.path}, SHA-256 {source.sha256}",
        "licence": "Apache-2.0, copyright The MediaPipe Authors",
        "changes": "from TFLite to ONNX, sparse weights made dense, custom operators written out; weights unchanged",
    }
    network = read(content)
    windows = [step for step in network.operations if step.kind == "Landmarks2TransformMatrix"]
    for part, step in zip(source.windows, windows, strict=True):
        facts[f"points of {part}"] = " ".join(map(str, step.options["subset_idxs"]))
    model = to_onnx(network, name, source.low, list(source.outputs), facts)
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        content = converted(name)
        (folder / f"{name}.onnx").write_bytes(content)
        print(f"{name}.onnx {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
