"""What the partner's track changes: nothing about the mouth, something about head and brows, and the right thing.

Two questions. With only the partner's sound replaced and the seed kept, how far does the motion move? And: can a
face that heard its real partner be told from one that heard another call's, by how it answers the real one?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from avtr_cli.core.arrays import Doubles
from avtr_cli.evaluation.motion.listening import score
from avtr_cli.evaluation.motion.takes import Finding, Findings, Take
from avtr_cli.evaluation.stats import auc, auc_interval, paired_p

ENOUGH_DIALOGUES = 30  # from which telling apart counts as shown


def replaced(takes: Sequence[Take], others: Sequence[Take]) -> Findings:
    """Change between two motions of the same calls and seeds, of which `others` heard another partner.

    In standard deviations of the motion itself: rms difference / sd, pooled. Two motions that have nothing to do
    with each other differ by 1.41.
    """
    return {
        "independence.mouth_change": _change(
            [t.face.articulation for t in takes], [t.face.articulation for t in others]
        ),
        "independence.head_change": _change([t.face.head for t in takes], [t.face.head for t in others]),
        "independence.brow_change": _change(
            [t.face.brow[:, None] for t in takes], [t.face.brow[:, None] for t in others]
        ),
    }


def told_apart(
    real: Sequence[Sequence[Take]], shuffled: Sequence[Sequence[Take]], rng: np.random.Generator
) -> dict[str, Any]:
    """Real from shuffled partner by `listening.score` against the real partner's phrases.

    Both hold seeds x dialogues in the same order. The avatar's own sound is the same on both sides, so a head that
    only follows its own turns cannot be told apart. Dialogues in which no phrase ends in the avatar's silence are
    left out. The interval is a bootstrap over dialogues, p a sign-flip test on their mean difference.
    """
    with_real = np.array([[score(take, take.partner) for take in takes] for takes in real]).T
    with_other = np.array([[score(take, take.partner) for take in takes] for takes in shuffled]).T
    usable = np.isfinite(with_real).all(1) & np.isfinite(with_other).all(1)
    with_real, with_other = with_real[usable], with_other[usable]
    low, high = auc_interval(with_real, with_other, rng)
    difference = (with_real - with_other).mean(1) if len(with_real) else np.zeros(0)
    return {
        "statistic": "sum over nod band, brow and smile of the standardised mean 0.1-1.4 s after partner phrases",
        "dialogues": int(usable.sum()),
        "enough_dialogues": bool(usable.sum() >= ENOUGH_DIALOGUES),
        "auc": auc(with_real.ravel(), with_other.ravel()),
        "interval_95": [low, high],
        "chance": 0.5,
        "mean_real": float(with_real.mean()) if len(with_real) else float("nan"),
        "mean_shuffled": float(with_other.mean()) if len(with_other) else float("nan"),
        "p": paired_p(difference, rng),
    }


def _change(one: Sequence[Doubles], other: Sequence[Doubles]) -> Finding:
    """Root mean square difference in standard deviations within a take."""
    spread = np.sqrt(np.concatenate([(a - a.mean(0)) ** 2 for a in one]).mean(0).sum())
    apart = np.concatenate([(a - b) ** 2 for a, b in zip(one, other, strict=True)])
    difference = np.sqrt(apart.mean(0).sum())
    return Finding(float(difference / spread) if spread > 1e-9 else float("nan"), count=len(apart))
