"""Touches of photos that nothing was learned from, answered by the rule, by the rule again, and by what was learned.

Every touch is tried with several seeds over motion at rest; each arm has motion and seeds of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.regions import HEAD, RegionMap
from avtr_cli.core.timing import CHUNK_FRAMES, FPS
from avtr_cli.motion.lmfm.network import Lmfm
from avtr_cli.training.touch import scenes
from avtr_cli.training.touch.answers import Scene, answered, drawn_answer
from avtr_cli.training.touch.condition import Encoding, apart, condition
from avtr_cli.training.touch.lessons import Lessons, unheard
from avtr_cli.training.touch.network import Answers
from avtr_cli.training.touch.playing import play

TOUCHED_AT = 12  # frame
LASTS = 6 * FPS + 1  # frames that are looked at, from the touch on
LATE = 3 * FPS  # frames by which the control is told of it
SEEDS = 4
DOES = (("kiss", "stroke", "tap", "poke"), ("caress", "touch", "press", "slap"))  # by turns: a word of each tone
DRAWN = "drawn"
_FRAMES = -(-(TOUCHED_AT + LASTS) // CHUNK_FRAMES) * CHUNK_FRAMES


@dataclass(frozen=True)
class Trials:
    """photos and touches, one for each trial (n); arms: answers (n, LASTS, 13) from the touch on, by name."""

    photos: Sequence[str]
    touches: Sequence[Interaction]
    arms: Mapping[str, Doubles]


def trials(models: Mapping[str, Answers], lmfm: Lmfm, maps: Mapping[str, RegionMap], seed: int) -> Trials:
    """Every region of the head of every photo, touched in each tone; an arm for each model, and for it told late."""
    where = [
        (photo, regions.touched(TOUCHED_AT, word, *regions.centre(name)))
        for photo, regions in maps.items()
        for place, name in enumerate(HEAD)
        if name in regions.centres
        for word in DOES[place % 2]
        for _ in range(SEEDS)
    ]
    photos, touches = zip(*where, strict=True)
    arms = {name: _drawn(touches, list(maps.values()), (seed, arm)) for arm, name in enumerate(("truth", DRAWN))}
    curves = [one for _, one in scenes.at_rest(len(touches), list(maps.values()), seed + 2, _FRAMES)]
    heard = unheard(lmfm, torch.from_numpy(np.stack(curves)).float()).numpy()
    for name, model in models.items():
        for after, called in ((0, name), (LATE, late(name))):
            told = [_told([replace(touch, frame=touch.frame + after)], model.encoding) for touch in touches]
            conditions, alone = (np.stack(part) for part in zip(*told, strict=True))
            arms[called] = _seen(play(model, heard, conditions, alone, seed))
    return Trials(photos, touches, arms)


def late(name: str) -> str:
    """What the arm of a model that is told of the touch too late is called."""
    return f"{name}, 3 s late"


def _drawn(touches: Sequence[Interaction], maps: Sequence[RegionMap], seed: tuple[int, int]) -> Doubles:
    """The rule's answers, over motion of their own."""
    bases = scenes.at_rest(len(touches), maps, seed[0] + seed[1], _FRAMES)
    answers = (
        drawn_answer(replace(base, touches=(touch,), seed=(*seed, number)))
        for number, ((base, _), touch) in enumerate(zip(bases, touches, strict=True))
    )
    return np.stack([_seen(one[None])[0] for one in answers])


def _told(touches: Sequence[Interaction], encoding: Encoding) -> tuple[Floats, Floats]:
    frames = np.arange(_FRAMES, dtype=np.float64)
    return condition(touches, frames, encoding), apart(touches, frames, encoding)


def _seen(answers: Doubles) -> Doubles:
    return answers[:, TOUCHED_AT : TOUCHED_AT + LASTS]


def in_speech(model: Answers, lessons: Lessons, seed: int) -> Iterator[tuple[Scene, Doubles]]:
    """Scenes in calls, each with its controls (T, 58) as the learned answer leaves them."""
    played = play(model, lessons.heard, lessons.conditions(model.encoding), lessons.apart(model.encoding), seed)
    for scene, answer in zip(lessons.scenes, played, strict=True):
        yield scene, answered(scene, answer)
