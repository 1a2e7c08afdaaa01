"""Listening: do nods, brows and smiles come after the partner's phrases rather than at any time?

Everything is measured while the avatar itself is silent. "After" is 0.1 to 1.4 s behind the end of a partner's
phrase longer than 0.7 s, where people give feedback (Ward & Tsukahara 2000); "elsewhere" is the rest of the
avatar's silence. No ratio can be read alone: the suite sets the same numbers beside it from motion made with a
shifted and with a silent partner, and each is compared with the same motion's phrase ends turned round in time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avtr_cli.core.arrays import Doubles, Mask
from avtr_cli.core.timing import FPS
from avtr_cli.evaluation.motion.takes import Finding, Findings, Take
from avtr_cli.evaluation.motion.voice import Voice
from avtr_cli.evaluation.stats import upper_p
from avtr_cli.motion import noticing
from avtr_cli.motion.noticing import NOD_FALLS, NOD_RISES

FIRST, LAST = 3, 35  # frames behind a phrase's end: 0.1 .. 1.4 s
OWN_MARGIN = 8  # frames from the own voice in which the head may be speaking
HIT_DEGREES = 1.0  # of the nod band, from which a nod can be seen
SEEN_SHARE = 0.6  # of a window that must lie in the avatar's silence
_TURNS = 200  # of the chance level

CURVES = ("nod", "brow", "smile")


def measure(takes: Sequence[Take], rng: np.random.Generator) -> Findings:
    """All listening numbers of these takes, pooled; chance from `rng`'s turns of the phrase ends."""
    silent = [listening_frames(take) for take in takes]
    after = [after_phrases(take.partner) for take in takes]
    nods = [nod_envelope(take) for take in takes]
    turned = [[np.roll(mask, _turn(len(mask), rng)) for mask in after] for _ in range(_TURNS)]
    level, base = _two_means(nods, after, silent)
    ratio = level / base if base > 0 else float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):  # of a head that is still
        by_chance = np.array([np.divide(*_two_means(nods, masks, silent)) for masks in turned])
    phrases = sum(len(take.partner.phrases) for take in takes)
    found = {
        "nod.after_degrees": Finding(level, count=phrases),
        "nod.elsewhere_degrees": Finding(base),
        "nod.ratio": Finding(ratio, _median(by_chance), phrases),
        "nod.ratio_p": Finding(upper_p(ratio, by_chance)),
        "nod.per_minute": Finding(_nods_per_minute(nods, silent)),
        **_hits(takes, silent, after),
    }
    for name in ("brow", "smile"):
        curves = [getattr(take.face, name) for take in takes]
        rise = float(np.subtract(*_two_means(curves, after, silent)))
        by_chance = np.array([np.subtract(*_two_means(curves, masks, silent)) for masks in turned])
        found[f"{name}.rise"] = Finding(rise, _nanmean(by_chance), phrases)
        found[f"{name}.rise_p"] = Finding(upper_p(rise, by_chance))
    return found


def listening_frames(take: Take) -> Mask:
    """bool (T,): the avatar is silent and not about to speak."""
    return take.own.away(OWN_MARGIN, OWN_MARGIN)


def after_phrases(partner: Voice) -> Mask:
    """bool (T,): 0.1 to 1.4 s behind the end of a phrase of the partner's."""
    mask = np.zeros(len(partner), bool)
    for _, end in partner.phrases:
        mask[end + FIRST : end + LAST + 1] = True
    return mask


def nod_band(take: Take) -> Doubles:
    """Head pitch between 1.2 and 4 Hz, degrees, without delay."""
    return noticing.nod_band(take.face.head[:, 0])


def nod_envelope(take: Take) -> Doubles:
    """Root mean square of the nod band over 0.76 s, degrees."""
    return noticing.nod_envelope(take.face.head[:, 0])


def score(take: Take, partner: Voice) -> float:
    """How much this face answers that partner: one number, higher when nods, brows and smiles follow its phrases.

    Each curve is standardised over the avatar's silence and averaged after the phrases; the three are added with
    equal weight, nothing is fitted. NaN where no phrase ends in the avatar's silence.
    """
    silent = listening_frames(take)
    where = silent & after_phrases(partner)
    if not where.any() or where.sum() == silent.sum():
        return float("nan")
    total = 0.0
    for curve in (nod_envelope(take), take.face.brow, take.face.smile):
        spread = curve[silent].std()
        total += (curve[where].mean() - curve[silent].mean()) / spread if spread > 1e-6 else 0.0
    return float(total)


def _two_means(curves: Sequence[Doubles], after: Sequence[Mask], silent: Sequence[Mask]) -> tuple[float, float]:
    """Mean of the curves after phrases and elsewhere, within the avatar's silence, over all takes."""
    values, masks = np.concatenate(curves), np.concatenate(after)
    kept = np.concatenate(silent)
    there, elsewhere = values[kept & masks], values[kept & ~masks]
    return _nanmean(there), _nanmean(elsewhere)


def _hits(takes: Sequence[Take], silent: Sequence[Mask], after: Sequence[Mask]) -> Findings:
    """The share of phrases answered by a nod, and the share of windows elsewhere that hold one."""
    answered, elsewhere = [], []
    length = LAST + 1 - FIRST
    for take, quiet, mask in zip(takes, silent, after, strict=True):
        moves = np.abs(nod_band(take)) > HIT_DEGREES
        for _, end in take.partner.phrases:
            window = slice(end + FIRST, end + LAST + 1)
            if quiet[window].sum() >= SEEN_SHARE * length:
                answered.append((moves & quiet)[window].any())
        for start in range(0, len(quiet) - length + 1, 5):
            window = slice(start, start + length)
            if quiet[window].sum() >= SEEN_SHARE * length and mask[window].mean() < 0.2:
                elsewhere.append((moves & quiet)[window].any())
    hit, chance = _nanmean(np.array(answered, float)), _nanmean(np.array(elsewhere, float))
    return {
        "nod.hit": Finding(hit, chance, len(answered)),
        "nod.hit_above_chance": Finding(hit - chance, 0.0, len(answered)),
    }


def _nods_per_minute(nods: Sequence[Doubles], silent: Sequence[Mask]) -> float:
    heard = [np.where(quiet, nod, 0.0) for nod, quiet in zip(nods, silent, strict=True)]
    count = sum(len(noticing.spans(nod, NOD_FALLS, NOD_RISES)) for nod in heard)
    minutes = sum(quiet.sum() for quiet in silent) / FPS / 60
    return count / minutes if minutes > 0 else float("nan")


def _turn(frames: int, rng: np.random.Generator) -> int:
    """Frames to turn a take's phrase ends round by: at least 2 s either way where the take is that long."""
    margin = min(2 * FPS, frames // 4)
    return int(rng.integers(margin, max(frames - margin, margin + 1)))


def _median(values: Doubles) -> float:
    """Not the mean: one almost still stretch elsewhere makes a huge ratio."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _nanmean(values: Doubles) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
