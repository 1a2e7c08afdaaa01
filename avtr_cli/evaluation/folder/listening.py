"""Clips into what listening is worth: every system's reactivity and proactivity with intervals; controls beside.

Pictures and sound are gone by then; what is heard and shown is eighteen numbers a frame (entries.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avtr_cli.evaluation import joint
from avtr_cli.evaluation.coupling import couple
from avtr_cli.evaluation.encoder import NAME
from avtr_cli.evaluation.folder.entries import Entry, Model, controls, standardised
from avtr_cli.evaluation.folder.judged import LeftOut
from avtr_cli.evaluation.folder.layout import Layout
from avtr_cli.evaluation.folder.leading import PROACTIVITY, proactivity, proactivity_rows
from avtr_cli.evaluation.folder.rows import FORMAT, Count, difference, row
from avtr_cli.evaluation.pairs import Pair
from avtr_cli.evaluation.reactivity import replicated
from avtr_cli.evaluation.replicates import Replicates

FEWEST_GROUPS = 10  # conversations, below which no reactivity number is told unasked
SYNCNET = "syncnet"  # the encoder that is computed from videos
CONFOUNDED = 0.3  # specificity of the control `identity` from which the number is mostly identity
REACTIVITY = (
    "coupling", "pattern", "coupling_p", "specificity_within", "specificity_centred", "specificity", "marginal_fit",
    "fmd_gain", "quality", "cjfd_real", "cjfd_shuffled", "cjfd_shuffled_truth", "fmd_real",
)  # fmt: skip
PUBLISHED = REACTIVITY[5:]
ROWS = (*REACTIVITY, *PROACTIVITY)
BETTER = {
    "coupling_p": False, "specificity_within": True, "specificity_centred": True, "specificity": True,
    "marginal_fit": True, "fmd_gain": True, "quality": True, "cjfd_real": False, "fmd_real": False,
}  # fmt: skip
"""Whether higher is better, where that can be said: coupling and pattern are best at 1; of lags nobody can say."""


@dataclass(frozen=True)
class Asked:
    """How listening is judged. rule: which frames count, of FRAME_RULES; few: numbers of few conversations too.

    encoder     whose numbers sound and faces are: our own, that of the folder's .npz files, or SyncNet of its videos
    comparable  whether rows of the published family compare with published values, on the same data
    """

    rule: str = "listening"
    shuffles: int = 5
    p_shuffles: int = 199
    seed: int = 0
    few: bool = False
    norm: bool = False
    encoder: str = NAME
    comparable: bool = False


def listening_report(
    entries: Sequence[Entry], layout: Layout, left_out: LeftOut, asked: Asked, space: str | None
) -> dict[str, Any]:
    """The whole report of these clips, which are in the order of their IDs."""
    even = list(entries)
    if asked.encoder == NAME:
        even = list(map(standardised(entries), entries))
    judge, models = _Judge(even, asked), controls(even)
    told = {name: {"measures": judge.rows(model, 0)} for name, model in models.items()}
    confounded = judge.specificity(models["identity"]) > CONFOUNDED  # NaN is not
    systems: dict[str, dict[str, Any]] = {}
    for system in layout.systems:
        measures = judge.rows(judge.of(system.name), asked.p_shuffles)
        if confounded:
            measures["specificity"]["confounded"] = True
        if system.conditioned == "same_clip":
            for one in measures.values():
                one["leaks"] = True
        reasons = left_out.reasons(system.name) + judge.without_frames(system.name)
        systems[system.name] = {
            "conditioned_on_truth": system.conditioned,
            "measures": measures,
            "left_out": sorted(reasons, key=lambda one: one["id"]),
        }
    warnings = [*layout.warnings, *left_out.notes]
    if confounded:
        warnings.append(
            "specificity is mostly identity here: the control that shows the right person, deaf, has it too"
        )
    return {
        "format": FORMAT,
        "encoder": asked.encoder,
        "curves_from": space,
        "frames_rule": asked.rule,
        "protocol": None,
        "seed": asked.seed,
        "shuffles": {"cjfd": asked.shuffles, "coupling_p": asked.p_shuffles},
        "normalised": asked.norm,
        "clips": len(entries),
        "groups": len({entry.group for entry in entries}),
        "systems": systems,
        "differences": judge.differences([system.name for system in layout.systems]),
        "controls": told,
        "statement": _statement(asked),
        "warnings": warnings,
    }


def _statement(asked: Asked) -> str:
    if asked.comparable:
        return f"rows of the published family compare with published values by {asked.encoder} on the same data alone"
    why = f"the encoder is {asked.encoder}"
    if asked.encoder == SYNCNET:
        why += ", and which layer and crop were used is not told"
    elif asked.encoder != NAME:
        why += f", the frames' rule {asked.rule}"
    return f"not comparable with published values: {why}"


class _Judge:
    """Holds all clips, standardised, and judges whatever is shown in them."""

    def __init__(self, entries: Sequence[Entry], asked: Asked):
        self._entries, self._asked = entries, asked

    def of(self, system: str) -> Model:
        """What a system shows."""
        return lambda at: self._entries[at].systems.get(system)

    def rows(self, model: Model, p_shuffles: int) -> dict[str, dict[str, Any]]:
        """All rows of what is judged."""
        pairs = self._pairs(model)
        count = Count(len(pairs), len({pair["group"] for pair in pairs}), sum(len(pair["audio"]) for pair in pairs))
        found = self._reactivity(pairs, p_shuffles)
        reason = self._reason(count)
        rows = {}
        for name in REACTIVITY:
            told = found.get(name, Replicates(math.nan, np.zeros(0)))
            if reason and not self._asked.few:
                told = Replicates(math.nan, told.without)
            more: dict[str, Any] = {"corrected": told.corrected} if name == "specificity" else {}
            comparable = self._asked.comparable and name in PUBLISHED
            why = reason or self._why(name, found)
            rows[name] = row(told, count, BETTER.get(name), comparable=comparable, reason=why, **more)
        return rows | proactivity_rows(self._entries, model, self._asked.seed)

    def without_frames(self, system: str) -> list[dict[str, str]]:
        """The clips of a system in which nobody is listened to."""
        return [
            {"id": entry.id, "reason": f"no frame counts by the rule '{self._asked.rule}': nobody is listened to"}
            for entry in self._entries
            if system in entry.systems and not entry.chosen.any()
        ]

    def differences(self, systems: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Each two systems on the clips that both have: paired differences of every row."""
        told = {}
        kept: dict[tuple[str, tuple[int, ...]], dict[str, Replicates]] = {}

        def found(system: str, clips: tuple[int, ...]) -> dict[str, Replicates]:
            if (system, clips) not in kept:  # most systems have most clips: each is measured once
                model = self._among(system, clips)
                leads, _, _ = proactivity(self._entries, model, self._asked.seed)
                kept[system, clips] = self._reactivity(self._pairs(model), 0) | leads
            return kept[system, clips]

        for at, one in enumerate(systems):
            for other in systems[at + 1 :]:
                clips = tuple(
                    at for at, entry in enumerate(self._entries) if one in entry.systems and other in entry.systems
                )
                groups = len({self._entries[at].group for at in clips if self._entries[at].chosen.any()})
                sides = [found(name, clips) for name in (one, other)]
                enough = groups >= FEWEST_GROUPS or self._asked.few
                rows = {
                    name: difference(sides[0][name], sides[1][name])
                    for name in ROWS
                    if name in sides[0] and name in sides[1] and (enough or name in PROACTIVITY)
                }
                told[f"{one} - {other}"] = {"clips": len(clips), "groups": groups, "measures": rows}
        return told

    def specificity(self, model: Model) -> float:
        """Of what is judged, as published; NaN where there is none."""
        pairs = joint.prepared(self._pairs(model), False, self._asked.norm)
        if len({pair["group"] for pair in pairs}) < 2:
            return math.nan
        return joint.between(pairs, self._asked.shuffles, self._asked.seed).measures()["specificity"]

    def _among(self, system: str, clips: tuple[int, ...]) -> Model:
        """What a system shows in some of the clips."""
        return lambda at: self._entries[at].systems[system] if at in clips else None

    def _pairs(self, model: Model) -> list[Pair]:
        """The chosen frames of the clips in which something is shown and anybody listened to."""
        pairs = []
        for at, entry in enumerate(self._entries):
            shown = model(at)
            if shown is None:
                continue
            chosen = entry.chosen[: len(shown)]
            if chosen.any():
                sides = (entry.heard, shown, entry.truth)
                audio, face, truth = (np.asarray(side[: len(chosen)][chosen], np.float64) for side in sides)
                pairs.append(Pair(group=entry.group, audio=audio, model=face, truth=truth))
        return pairs

    def _reactivity(self, pairs: Sequence[Pair], p_shuffles: int) -> dict[str, Replicates]:
        """Every row of the family that can be measured; nothing below two conversations."""
        if len({pair["group"] for pair in pairs}) < 2:
            return {}
        asked = self._asked
        plain_pairs = joint.prepared(pairs, False, asked.norm)
        found = replicated(joint.between(plain_pairs, asked.shuffles, asked.seed))
        centred = joint.prepared(pairs, True, asked.norm)
        found["specificity_centred"] = replicated(joint.between(centred, asked.shuffles, asked.seed))["specificity"]
        turned = joint.within(plain_pairs, asked.shuffles)
        if turned.pairs:
            found["specificity_within"] = replicated(turned)["specificity"]
        coupled = couple(pairs, p_shuffles, asked.seed)
        none = np.full(len(coupled.coupling.without), math.nan)
        if coupled.seen:
            found |= {"coupling": coupled.coupling, "coupling_p": Replicates(coupled.p, none)}
            found["pattern"] = coupled.pattern if coupled.clear else Replicates(math.nan, none)
        return {name: found[name] for name in REACTIVITY if name in found}

    def _reason(self, count: Count) -> str | None:
        if count.groups < 2:
            return (
                "a single conversation: nobody else's partner to be held against" if count.groups else "no clip counts"
            )
        if count.groups < FEWEST_GROUPS:
            return (
                f"{count.groups} dialogues cannot tell: reactivity needs {FEWEST_GROUPS} (--few prints it all the same)"
            )
        return None

    def _why(self, name: str, found: Mapping[str, Replicates]) -> str | None:
        """Why a row that there are enough conversations for has no value."""
        if name in found and math.isfinite(found[name].value):
            return None
        if name in ("coupling", "pattern", "coupling_p") and "coupling" not in found:
            return "people's own reaction is not visible in these data"
        if name == "pattern":
            return "the system's own coupling is not clearly above 0: a pattern of nothing is none"
        if name == "coupling_p":
            return "partners were not shuffled"
        return (
            "no clip listens long enough"
            if name == "specificity_within"
            else "nothing varies, or nobody can be shuffled"
        )
