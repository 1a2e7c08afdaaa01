"""A motion model judged on dialogues: all measures, over seeds, with chance, controls and a plain baseline.

Every dialogue is performed as it is, with its partner shifted in time, with its partner silent and with its own
side silent; then there is a minute of silence on both sides and one long take. The report is JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Floats, Sound
from avtr_cli.core.timing import FPS, SAMPLE_RATE, frames_of
from avtr_cli.evaluation.motion import head, independence, life, lips, listening
from avtr_cli.evaluation.motion.follower import follow_loudness
from avtr_cli.evaluation.motion.takes import (
    Dialogue,
    Findings,
    Perform,
    Take,
    other_partner,
    repeated,
    shifted_partner,
    silence,
    silent_avatar,
    silent_partner,
    take,
)
from avtr_cli.evaluation.motion.voice import hear
from avtr_cli.evaluation.table import MEASURES, plain, report_row

SILENCE_SECONDS = 60.0
LONG_MINUTES = 10.0
SHIFTED_SECONDS, MOST_SHIFTS = 240.0, 6  # as much of the shifted control, a seed; at most so many shifts of each call

OnMeasured = Callable[[int, int], None]
"""Called after every take with the frames done and the frames in all."""


def evaluate_motion(
    dialogues: Sequence[Dialogue],
    perform: Perform,
    seeds: int = 3,
    long_minutes: float = LONG_MINUTES,
    first_seed: int = 0,
    watch: OnMeasured | None = None,
) -> dict[str, Any]:
    """Judge `perform` on `dialogues`; frames and phrases are pooled over them, mean and spread are over seeds.

    Returns `{"dialogues": [...], "seeds": [...], "measures": {name: row}, "told_apart": {...}}`; a row has what,
    mean, sd, values, count, chance, follower, needed, met, and for listening the controls shifted and silent. A number
    that these dialogues cannot give is null.
    """
    assert dialogues
    assert seeds > 0
    chosen = [first_seed + k for k in range(seeds)]
    if watch is not None:
        perform = _watched(perform, watch, _frames_in_all(dialogues, seeds, long_minutes))
    model = _Round(dialogues, perform, chosen, long_minutes)
    follower = _Round(dialogues, follow_loudness, [0], min(long_minutes, 1.0))
    unnamed = {name for found in model.findings for name in found} - MEASURES.keys()
    assert not unnamed, f"no row of evaluation/table.py says what {', '.join(sorted(unnamed))} is"
    rows = {}
    for name, measure in MEASURES.items():
        findings = [found[name] for found in model.findings if name in found]
        if findings:
            rows[name] = report_row(measure, findings, **_controls(name, follower, model.controls))
    return {
        "dialogues": [_facts(dialogue) for dialogue in dialogues],
        "seeds": chosen,
        "measures": rows,
        "told_apart": plain(model.told_apart | {"follower_auc": follower.told_apart["auc"]}),
    }


class _Round:
    """All takes of one performer and what was found in them, seed by seed."""

    def __init__(self, dialogues: Sequence[Dialogue], perform: Perform, seeds: Sequence[int], long_minutes: float):
        self.findings: list[Findings] = []
        self.controls: dict[str, list[Findings]] = {"shifted": [], "silent": []}
        real, shuffled = [], []
        for number, seed in enumerate(seeds):
            takes = [take(dialogue, perform, seed) for dialogue in dialogues]
            shifted = [
                take(dialogue, perform, seed, heard=shifted_partner(dialogue, share))
                for share in _shares(dialogues, number / len(seeds))
                for dialogue in dialogues
            ]
            silent = [take(d, perform, seed, heard=silent_partner(d)) for d in dialogues]
            self.findings.append(_of_takes(takes, silent, shifted[: len(takes)], seed))
            for name, others in (("shifted", shifted), ("silent", silent)):
                self.controls[name].append(listening.measure(others, np.random.default_rng(seed)))
            quiet = [silent_avatar(dialogue) for dialogue in dialogues]
            self.findings[-1] |= lips.stillness([take(dialogue, perform, seed) for dialogue in quiet])
            self.findings[-1] |= life.in_silence([take(silence(SILENCE_SECONDS), perform, seed)])
            real.append(takes)
            shuffled.append(shifted[:1] if len(dialogues) == 1 else _with_others(dialogues, perform, seed, number + 1))
        if long_minutes > 0:
            self.findings[0] |= life.over_minutes(take(repeated(dialogues, 60 * long_minutes), perform, seeds[0]))
        if len(seeds) > 1:
            self.findings[0]["seeds.head_r"] = head.seeds_correlation(real)
        self.told_apart = independence.told_apart(real, shuffled, np.random.default_rng(0))


def _watched(perform: Perform, watch: OnMeasured, total: int) -> Perform:
    done = 0

    def performed(sound: Sound, seed: int) -> Floats:
        nonlocal done
        motion = perform(sound, seed)
        done += len(motion)
        watch(done, total)
        return motion

    return performed


def _frames_in_all(dialogues: Sequence[Dialogue], seeds: int, long_minutes: float) -> int:
    calls = sum(frames_of(dialogue.sound.shape[1]) for dialogue in dialogues)
    takes = (
        3 + len(_shares(dialogues, 0.0)) + (len(dialogues) > 1)
    )  # real, silent partner, silent avatar; shifted; other
    return seeds * (takes * calls + round(SILENCE_SECONDS * FPS)) + round(long_minutes * 60 * FPS)


def _shares(dialogues: Sequence[Dialogue], offset: float) -> list[float]:
    """By which shares of a call its partner is shifted: a single shift of a short call may fit by accident."""
    seconds = sum(dialogue.sound.shape[1] for dialogue in dialogues) / SAMPLE_RATE
    count = min(MOST_SHIFTS, math.ceil(SHIFTED_SECONDS / seconds))
    return [0.2 + 0.6 * (k + 0.5 + 0.5 * offset) / count for k in range(count)]


def _of_takes(takes: list[Take], silent: list[Take], shifted: list[Take], seed: int) -> Findings:
    found = lips.measure(takes) | head.measure(takes) | life.measure(takes)
    found |= listening.measure(takes, np.random.default_rng(seed))
    found |= independence.replaced(takes, shifted)
    return found | {"head.listening_over_partner_silent": head.same_frames_over(takes, silent)}


def _with_others(dialogues: Sequence[Dialogue], perform: Perform, seed: int, step: int) -> list[Take]:
    """Every dialogue with the partner of the one `step` places further on."""
    count = len(dialogues)
    step = 1 + (step - 1) % (count - 1)
    partners = [dialogues[(index + step) % count] for index in range(count)]
    return [
        take(own, perform, seed, heard=other_partner(own, other))
        for own, other in zip(dialogues, partners, strict=True)
    ]


def _controls(name: str, follower: _Round, controls: dict[str, list[Findings]]) -> dict[str, float]:
    """What a measure is held against: the follower's number, and for listening the two controls'."""
    numbers = {control: [one[name].value for one in found if name in one] for control, found in controls.items()}
    means = {control: _mean(values) for control, values in numbers.items() if values}
    baseline = follower.findings[0].get(name)
    return {"follower": baseline.value if baseline else math.nan} | means


def _facts(dialogue: Dialogue) -> dict[str, Any]:
    own, partner = hear(dialogue.sound)
    return {
        "name": dialogue.name,
        "seconds": dialogue.sound.shape[1] / SAMPLE_RATE,
        "own_speech_s": float(own.active.sum() / FPS),
        "partner_speech_s": float(partner.active.sum() / FPS),
        "partner_phrases": len(partner.phrases),
        "phones": len(dialogue.phones),
    }


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan
