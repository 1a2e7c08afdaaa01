"""A live call in thirty lines: sound is pushed at the pace at which it is spoken, and frames are taken as they come.

    python examples/live.py [PHOTO] [DIALOGUE.wav] [SECONDS]

A real call would push what its microphone and its other side deliver, and show every frame on a screen; here a file
speaks and what arrives is told. The frames are those of `avtr render`, bit for bit.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import soundfile

from avtr_cli import Cue, Engine, load_preset

HERE = Path(__file__).resolve().parent
PACKET = 320  # samples: 20 ms, as calls send them


def main(photo: str = str(HERE / "portrait_drawn.png"), dialogue: str = str(HERE / "dialogue.wav"), seconds: str = "5"):
    engine = Engine(load_preset("fast"))
    session = engine.session(photo, seed=1)
    sound, rate = soundfile.read(dialogue, dtype="float32", always_2d=True)  # columns: the avatar, the partner
    assert (rate, sound.shape[1]) == (16_000, 2), "this example wants 16 kHz and two channels"
    sound = np.ascontiguousarray(sound.T[:, : round(float(seconds) * rate)])
    session.ask([Cue(frame=25, name="smile")])  # what is asked may come at any time of the call
    began = time.perf_counter()
    for at in range(0, sound.shape[1], PACKET):
        packet = sound[:, at : at + PACKET]
        time.sleep(max(0.0, began + (at + packet.shape[1]) / rate - time.perf_counter()))  # until it has been spoken
        tell(session.push(packet), began)
    tell(session.finish(), began)


def tell(frames: list, began: float) -> None:
    """A line for every chunk: its frames, and how long after its sound began the first of them is there."""
    if frames:
        late = (time.perf_counter() - began - frames[0].index / 25) * 1e3
        size = "x".join(map(str, frames[0].pixels.shape[1::-1]))
        print(f"frames {frames[0].index:4d} to {frames[-1].index:4d}, {size}: {late:5.0f} ms after being spoken")


if __name__ == "__main__":
    main(*sys.argv[1:])
