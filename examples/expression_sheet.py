"""Portraits speaking, smiling, blinking, turned, listening: `python examples/expression_sheet.py OUT.jpg [PHOTO...]`.

Without photos the eight of `portraits.py` are taken. The five states are moments of the motion model's own takes of
`dialogue.wav`: the widest mouth of its speech, the broadest smile of a happy take, the most shut eyes, the farthest
turn of three takes with twice the head movement, and the liveliest moment while the other person speaks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from avtr_cli.core import runtime

runtime.set_library_environment()

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from portraits import write_portraits  # noqa: E402  (beside this file)

from avtr_cli.audio.source import DialogueFiles  # noqa: E402
from avtr_cli.core.config import MotionConfig, RenderConfig  # noqa: E402
from avtr_cli.core.motion_space import CONTROLS  # noqa: E402
from avtr_cli.core.types import Motion  # noqa: E402
from avtr_cli.evaluation.motion.rollout import SessionPerformer  # noqa: E402
from avtr_cli.evaluation.motion.takes import load_dialogue  # noqa: E402
from avtr_cli.evaluation.motion.voice import hear  # noqa: E402
from avtr_cli.motion.lmfm.generator import LmfmGenerator  # noqa: E402
from avtr_cli.perception.portrait import find_portrait  # noqa: E402
from avtr_cli.render.mesh.renderer import MeshRenderer  # noqa: E402

HEADING = 18  # px above the first row
TURNING_TAKES = 3
OPEN_EYES = 0.15  # blink weight below which a moment may show something else than a blink


def states() -> dict[str, np.ndarray]:
    """Rows of controls (58,) by what they show."""
    call = load_dialogue(DialogueFiles(dialogue=HERE / "dialogue.wav"))
    own, partner = hear(call.sound)
    plain, happy = (
        SessionPerformer(LmfmGenerator(config))(call.sound, 0)
        for config in (MotionConfig(), MotionConfig(emotion="happy", emotion_intensity=1.0))
    )
    turning = SessionPerformer(LmfmGenerator(MotionConfig(head_gain=2)))
    lively = np.concatenate([turning(call.sound, seed) for seed in range(TURNING_TAKES)])
    heard = partner.active & ~own.active

    def moment(take: np.ndarray, score: np.ndarray, where: np.ndarray) -> np.ndarray:
        return take[np.where(where, score, -np.inf).argmax()]

    smile, jaw, blink = (_pair(happy, "mouthSmile"), _of(happy, "jawOpen"), _pair(happy, "eyeBlink"))
    open_eyes = _pair(plain, "eyeBlink") < OPEN_EYES
    mouth = _of(plain, "jawOpen") - _of(plain, "mouthClose")
    nod = np.abs(_of(plain, "headPitch") - _of(plain, "headPitch")[heard].mean())
    return {
        "speaking": moment(plain, mouth, own.active & open_eyes),
        "smiling": moment(happy, smile - jaw, blink < OPEN_EYES),
        "blinking": moment(plain, _pair(plain, "eyeBlink") - mouth, np.ones(len(plain), bool)),
        "turned": moment(lively, np.abs(_of(lively, "headYaw")), _pair(lively, "eyeBlink") < OPEN_EYES),
        "listening": moment(plain, nod + 0.3 * _pair(plain, "mouthSmile"), heard & open_eyes & (mouth < 0.05)),
    }


def row_of(photo: Path, wanted: dict[str, np.ndarray], side: int) -> np.ndarray:
    """The photo's crop and its five states, uint8 (side, 6 * side, 3) RGB."""
    renderer = MeshRenderer(RenderConfig(), torch.device("cpu"))
    identity = renderer.prepare(find_portrait(photo))
    rows = torch.from_numpy(np.stack([np.zeros(len(CONTROLS)), *wanted.values()]).astype(np.float32))
    frames = renderer.draw(identity, Motion(CONTROLS, rows))
    return np.hstack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in frames])


def sheet(photos: list[Path], side: int) -> np.ndarray:
    wanted = states()
    picture = np.vstack([row_of(photo, wanted, side) for photo in photos])
    heading = np.full((HEADING, picture.shape[1], 3), 255, np.uint8)
    for number, name in enumerate(("photo", *wanted)):
        at = (number * side + 6, 13)
        cv2.putText(heading, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([heading, picture])


def _of(take: np.ndarray, channel: str) -> np.ndarray:
    return take[:, CONTROLS.index(channel)]


def _pair(take: np.ndarray, shape: str) -> np.ndarray:
    return (_of(take, f"{shape}Left") + _of(take, f"{shape}Right")) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("photos", type=Path, nargs="*")
    parser.add_argument("--side", type=int, default=180, help="of a picture (px)")
    parser.add_argument("--quality", type=int, default=88, help="of a JPEG")
    options = parser.parse_args()
    runtime.use_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        photos = options.photos or write_portraits(Path(folder))
        picture = sheet(photos, options.side)
    cv2.imwrite(str(options.out), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, options.quality])


if __name__ == "__main__":
    main()
