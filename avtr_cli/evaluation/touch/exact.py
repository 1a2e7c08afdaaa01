"""What must hold to the bit, and to a fraction of a pixel: nothing without touches, live as from a file, no folds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from avtr_cli.core.arrays import Frames, Sound
from avtr_cli.core.interaction import STRENGTHS, WORDS, Interaction
from avtr_cli.core.protocols import FeelsContacts
from avtr_cli.core.timing import FIRST_CHUNK_SAMPLES
from avtr_cli.motion.interactions.contacts import ENDS, contact
from avtr_cli.render.mesh.avatar import Avatar
from avtr_cli.render.mesh.contact import contact_table, dented
from avtr_cli.render.mesh.controls import Pose
from avtr_cli.render.mesh.inverse import invert, residual
from avtr_cli.streaming.engine import Engine
from avtr_cli.streaming.session import StreamingSession

TOUCHES = ((0.5, "left_cheek", "poke"), (0.9, "mouth", "kiss"))  # s, region, word
PACKETS = (160, 777)  # samples
FOLD_REGIONS = ("left_cheek", "mouth", "nose", "forehead", "left_eye", "chin", "hair", "right_ear")


def evaluate_bits(engine: Engine, photo: Path, sound: Sound, seed: int = 0) -> dict[str, float]:
    """Frames that differ where none may; `sound` float32 (2, n) at 16 kHz, some seconds."""
    regions = engine.regions(photo)

    def session() -> StreamingSession:
        return engine.session(photo, seed)

    plain = _whole(session(), sound, len(sound[0]))
    identity, renderer = engine.avatar(photo)[1], engine.renderer
    assert isinstance(renderer, FeelsContacts), "the default renderer does"
    clicks = [(at, renderer.at_rest(identity, regions.centre(region)), word) for at, region, word in TOUCHES]
    live, log = _live(session(), clicks, sound)
    first = min(one.frame for one in log)
    replayed = [_asked(session(), log, sound, packet) for packet in (*PACKETS, len(sound[0]))]
    replayed.append(_resumed(session(), session(), log, sound))
    return {
        "bits.without": float(_differing(plain[:first], live[:first])),
        "bits.replayed": float(sum(_differing(live, other) for other in replayed)),
    }


def evaluate_folds(engine: Engine, photo: Path, places: Sequence[str] = FOLD_REGIONS) -> dict[str, float]:
    """How steep contacts of all kinds are at most, on these regions, at the greatest strength and the head at rest."""
    avatar: Avatar = engine.avatar(photo)[1].kept
    regions = engine.regions(photo)
    rest = Pose(np.eye(3), np.zeros(2), 1.0)
    slope, area, missed = 0.0, 1.0, 0.0
    words = {word.kind: name for name, word in WORDS.items()}.values()  # one of each kind of contact
    for region in (one for one in places if one in regions.centres):
        for word in words:
            touch = regions.touched(0, word, *regions.centre(region), strength=STRENGTHS[1])
            at = [one for frame in range(min(ENDS, 45)) if (one := contact(touch, frame)) is not None]
            for one in sorted(at, key=lambda one: -(one.pinch + abs(one.shift_x) + abs(one.shift_y)))[:2]:
                table = contact_table((one,), avatar.stage, avatar.photo_size)
                moved = dented(avatar.field, table, rest)
                both = torch.stack([moved, moved])
                down, across = (np.gradient(plane.numpy(), avatar.field.cell) for plane in moved)
                jacobian = np.array([[1 + down[1], down[0]], [across[1], 1 + across[0]]])
                slope = max(slope, float(np.abs(jacobian - np.eye(2)[:, :, None, None]).max()))
                area = min(area, float((jacobian[0, 0] * jacobian[1, 1] - jacobian[0, 1] * jacobian[1, 0]).min()))
                back = invert(avatar.field, both)
                missed = max(missed, float(residual(avatar.field, both[:1], back[:1]).max()))
    return {"folds.slope": slope, "folds.area": area, "folds.missed_px": missed}


def _whole(session: StreamingSession, sound: Sound, packet: int) -> Frames:
    frames = [frame for at in range(0, sound.shape[1], packet) for frame in session.push(sound[:, at : at + packet])]
    return np.stack([frame.pixels for frame in [*frames, *session.finish()]])


def _asked(session: StreamingSession, log: Sequence[Interaction], sound: Sound, packet: int) -> Frames:
    session.ask(log)
    return _whole(session, sound, packet)


def _live(
    session: StreamingSession, clicks: Sequence[tuple[float, tuple[float, float], str]], sound: Sound
) -> tuple[Frames, list[Interaction]]:
    """A call in which somebody clicks: when (s), where on the frame, the word. Its frames and its log."""
    frames, log, waiting = [], [], list(clicks)
    for at in range(0, sound.shape[1], FIRST_CHUNK_SAMPLES // 2):
        frames += session.push(sound[:, at : at + FIRST_CHUNK_SAMPLES // 2])
        if waiting and at >= waiting[0][0] * 16_000:
            _, place, word = waiting.pop(0)
            log.append(session.interact(*place, word))
    return np.stack([frame.pixels for frame in [*frames, *session.finish()]]), log


def _resumed(session: StreamingSession, other: StreamingSession, log: Sequence[Interaction], sound: Sound) -> Frames:
    """Saved in the middle and taken on by another session."""
    session.ask(log)
    half = sound.shape[1] // 2
    frames = session.push(sound[:, :half])
    with tempfile.TemporaryDirectory(prefix="avtr-") as folder:
        session.save(Path(folder) / "state")
        other.restore(Path(folder) / "state")
    frames += other.push(sound[:, half:]) + other.finish()
    return np.stack([frame.pixels for frame in frames])


def _differing(one: Frames, other: Frames) -> int:
    """How many frames are not the same bits; all of the longer one's rest."""
    both = min(len(one), len(other))
    return int((one[:both] != other[:both]).any(axis=(1, 2, 3)).sum()) + abs(len(one) - len(other))
