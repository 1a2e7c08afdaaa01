"""The mouth: does it follow the avatar's own voice, close where lips close, and rest while the avatar is silent?

Measured on the aperture of face.py. Correlation with loudness rewards a plain loudness follower, so its number
stands beside each of these; closures are what loudness does not tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.phones import BILABIAL
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.face import read_face
from avtr_cli.evaluation.motion.takes import Finding, Findings, Take
from avtr_cli.evaluation.stats import auc, correlation, lagged_correlation

REACH = 12  # frames of lag searched; 0.48 s
BEFORE_VOICE, AFTER_VOICE = 5, 18  # frames in which the mouth may still move: into speech, and to rest after it
OTHER_CONSONANTS = frozenset(  # without f v w, which narrow the lips
    ("t", "d", "n", "s", "z", "k", "g", "ng", "l", "r", "th", "dh", "sh", "zh", "ch", "jh", "y", "hh")
)
CLOSED = 0.06  # aperture below which lips look shut
NEAR = 2  # frames around a closure in which it counts
_SHIFTS = 100  # of the chance level


def measure(takes: Sequence[Take]) -> Findings:
    """Everything about the mouth that these takes tell, frames pooled over takes."""
    speaking = np.concatenate([take.own.active for take in takes])
    quiet = np.concatenate([take.own.away(BEFORE_VOICE, AFTER_VOICE) for take in takes])
    aperture = np.concatenate([take.face.aperture for take in takes])
    # Voices of different calls have different levels: each call counts by itself.
    whole = [take for take in takes if take.own.active.any()]
    follows = [lagged_correlation(take.own.level(), take.face.aperture, REACH) for take in whole]
    inside = [correlation(take.own.level()[take.own.active], take.face.aperture[take.own.active]) for take in whole]
    found = {
        "mouth.energy_r": Finding(_mean([r for r, _ in follows]), _chance_r(whole), int(speaking.sum())),
        "mouth.energy_r_speaking": Finding(_mean(inside), 0.0, int(speaking.sum())),
        "mouth.lag_frames": Finding(_mean([lag for _, lag in follows]), count=len(follows)),
        "mouth.quiet_over_speaking": Finding(quiet_ratio(aperture, quiet, speaking), 1.0, int(quiet.sum())),
    }
    return found | closures(takes) | against_truth(takes)


def quiet_ratio(aperture: Doubles, quiet: Mask, speaking: Mask) -> float:
    """Standard deviation of the aperture while silent over that while speaking."""
    if quiet.sum() < FPS or not speaking.any() or aperture[speaking].std() < 1e-9:
        return float("nan")
    return float(aperture[quiet].std() / aperture[speaking].std())


def stillness(takes: Sequence[Take]) -> Findings:
    """Of takes in which the avatar's side is digital silence: how far and how much the lips part."""
    aperture = np.concatenate([take.face.aperture for take in takes])
    return {
        "mouth.peak_while_listening": Finding(float(aperture.max()), count=len(aperture)),
        "mouth.sd_while_listening": Finding(float(aperture.std()), count=len(aperture)),
    }


def closures(takes: Sequence[Take]) -> Findings:
    """Of takes whose phones are known: are the lips shut at p, b, m, and more so than at other consonants?

    AUC: the chance that the aperture at a bilabial lies below that at another consonant (lowest of the three
    frames around the phone's middle). Recall: the share of bilabials within 2 frames of an aperture below 0.06,
    with the same share at random frames of the own speech as its chance.
    """
    shut, other, reached, random = [], [], [], []
    for take in takes:
        aperture = take.face.aperture
        for phone in take.dialogue.phones:
            middle = int((phone.start + phone.end) / 2 * FPS)
            if middle >= len(aperture):
                continue
            lowest = _lowest(aperture, middle, 1)
            if phone.name in BILABIAL:
                shut.append(lowest)
                reached.append(_lowest(aperture, middle, NEAR) < CLOSED)
            elif phone.name in OTHER_CONSONANTS:
                other.append(lowest)
        if take.dialogue.phones:
            random += [_lowest(aperture, frame, NEAR) < CLOSED for frame in np.flatnonzero(take.own.active)]
    if not shut or not other:
        return {}
    recall, chance = float(np.mean(reached)), float(np.mean(random)) if random else float("nan")
    return {
        "mouth.closure_auc": Finding(auc(np.array(other), np.array(shut)), 0.5, len(shut)),
        "mouth.closure_recall": Finding(recall, chance, len(shut)),
        "mouth.closure_recall_above_chance": Finding(recall - chance, 0.0, len(shut)),
    }


def against_truth(takes: Sequence[Take]) -> Findings:
    """Of takes whose true motion is known: agreement while the avatar speaks."""
    made, true, made_round, true_round = [], [], [], []
    for take in takes:
        if take.dialogue.truth is None:
            continue
        truth, near = read_face(take.dialogue.truth), ~take.own.away(BEFORE_VOICE, AFTER_VOICE)
        made.append(take.face.aperture[near])
        true.append(truth.aperture[near])
        made_round.append(take.face.rounding[near])
        true_round.append(truth.rounding[near])
    if not made:
        return {}
    aperture, truth_aperture = np.concatenate(made), np.concatenate(true)
    rounding, truth_rounding = np.concatenate(made_round), np.concatenate(true_round)
    spread = truth_aperture.std()
    return {
        "mouth.truth_r": Finding(correlation(aperture, truth_aperture), 0.0, len(aperture)),
        "mouth.rounding_r": Finding(correlation(rounding, truth_rounding), 0.0, len(aperture)),
        "mouth.sd_over_truth": Finding(float(aperture.std() / spread) if spread else float("nan"), 1.0, len(aperture)),
    }


def _lowest(series: Doubles, middle: int, near: int) -> float:
    return float(series[max(0, middle - near) : middle + near + 1].min())


def _chance_r(takes: Sequence[Take]) -> float:
    """The r that one time in twenty is reached when the mouth is turned round against the voice."""
    reached = []
    for share in np.linspace(0.1, 0.9, _SHIFTS):
        turned = [np.roll(take.face.aperture, round(share * len(take.face))) for take in takes]
        reached.append(_mean([correlation(t.own.level(), curve) for t, curve in zip(takes, turned, strict=True)]))
    return float(np.nanquantile(reached, 0.95)) if np.isfinite(reached).any() else float("nan")


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
