"""Clips into how lips go with the person's own voice: SyncNet's Sync-C and Sync-D, and the embedded stand-in beside.

Everybody is heard with the recorded sound of `audio/`, never with a video's own. A video is read window by window; what
is held of it does not grow with its length.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avtr_cli.core.arrays import Doubles
from avtr_cli.core.errors import AvtrError, InputError
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.core.timing import SAMPLES_PER_FRAME
from avtr_cli.evaluation import syncnet
from avtr_cli.evaluation.encoder import lag_scores
from avtr_cli.evaluation.folder import judges
from avtr_cli.evaluation.folder.boxes import Boxes, boxes_of, read_boxes
from avtr_cli.evaluation.folder.clipwise import Numbers, differences
from avtr_cli.evaluation.folder.judged import MOST_APART, LeftOut, Unfit, Watched, cut, part
from avtr_cli.evaluation.folder.layout import Layout
from avtr_cli.evaluation.folder.points import pictures_at_25
from avtr_cli.evaluation.folder.rows import FORMAT, row
from avtr_cli.evaluation.folder.shown import OnFrames, Shown, read_shown
from avtr_cli.evaluation.folder.windows import Voices, faces_in
from avtr_cli.evaluation.sync_faces import SMOOTH_FRAMES
from avtr_cli.evaluation.sync_sound import Columns

PROTOCOLS = ("tracked", "wav2lip")
BETTER = {
    "Sync-C": True, "Sync-D": False, "offset": None, "offset_within_1": True,
    "lag_r": True, "lag_margin": True, "lag_frames": None,
}  # fmt: skip
"""All rows, and whether higher is better. `lag_…` are the stand-in's."""
STAND_IN = ("lag_r", "lag_margin", "lag_frames")
SHORT_FRAMES = 100  # below which the zeros beyond a clip's ends move its scores
FEWEST_STAND_IN = 40  # frames: 25 of overlap at a lag of 15, or chance correlates highest
NEAR = 1  # frames of offset that nobody sees
TRUTH = "truth"


@dataclass(frozen=True)
class Asked:
    """How lips are judged. protocol: of PROTOCOLS; boxes: a JSON file of faces' boxes, else Face Mesh's."""

    protocol: str = "tracked"
    boxes: Path | None = None


def sync_report(layout: Layout, asked: Asked, watched: Watched | None = None) -> dict[str, Any]:
    """Rows of every system and of truth. Raises ConfigError for boxes that cannot be read."""
    boxes = read_boxes(asked.boxes) if asked.boxes is not None else None
    lips = _Lips(judges.judge(syncnet.FILES, syncnet.load), asked.protocol, boxes, watched)
    left_out, truth = LeftOut(), Numbers(tuple(BETTER))
    systems = {system.name: Numbers(tuple(BETTER)) for system in layout.systems}
    for clip in layout.clips:
        try:
            voice = Voices(clip)
        except (Unfit, AvtrError) as error:
            left_out.clips[clip.id] = str(error)
            continue
        with voice.source:
            if clip.truth is not None:
                lips.judge(truth, TRUTH, clip.truth, voice, left_out.systems.setdefault(TRUTH, {}))
            for system in layout.systems:
                reasons = left_out.systems.setdefault(system.name, {})
                path = system.shows(clip, VIDEOS)
                if path is None:
                    reasons[clip.id] = "the system has no file of it"
                else:
                    lips.judge(systems[system.name], system.name, path, voice, reasons)
    judged = {(clip, group) for one in systems.values() for clip, group in zip(one.ids, one.groups, strict=True)}
    return {
        "format": FORMAT,
        "encoder": "syncnet_v2" if lips.net.network is not None else None,
        "networks": judges.told({"syncnet": lips.net}),
        "frames_rule": None,
        "protocol": asked.protocol,
        "boxes": lips.boxes_from,
        "clips": len({clip for clip, _ in judged}),
        "groups": len({group for _, group in judged}),
        "systems": {
            system.name: {
                "conditioned_on_truth": system.conditioned,
                "measures": lips.rows(systems[system.name], system.conditioned == "same_clip"),
                "left_out": left_out.reasons(system.name),
            }
            for system in layout.systems
        },
        "differences": differences(systems),
        "controls": {TRUTH: {"measures": lips.rows(truth), "left_out": left_out.reasons(TRUTH)}},
        "statement": lips.statement,
        "warnings": [*layout.warnings, *lips.warnings()],
    }


@dataclass
class _Lips:
    """Judges one file after the other; `short` gathers the clips that are too short to be sure of."""

    net: judges.Judge[syncnet.SyncNet]
    protocol: str
    boxes: Boxes | None
    watched: Watched | None

    def __post_init__(self) -> None:
        self._short: set[str] = set()

    @property
    def boxes_from(self) -> str | None:
        """Where the faces' boxes come from; None: pictures are taken whole."""
        if self.protocol == "wav2lip":
            return None
        return "mesh" if self.boxes is None else "given"

    @property
    def comparable(self) -> bool:
        """With published values, on the same data: not by Face Mesh's boxes, nor by made-up weights."""
        return self.net.network is not None and not self.net.made_up and self.boxes_from != "mesh"

    @property
    def statement(self) -> str:
        """What may be compared, and why not."""
        if self.comparable:
            return (
                "comparable with published values on the same videos and boxes alone; pictures do not pass through JPEG"
            )
        why = "lag_ rows are the embedded stand-in of Sync-C"
        if self.net.network is not None:
            why = "SyncNet's weights are made up" if self.net.made_up else "faces are boxed by Face Mesh, not S3FD"
        return f"not comparable with published values: {why}"

    def warnings(self) -> list[str]:
        """Sentences for the user."""
        if not self._short or self.net.network is None:
            return []
        return [
            f"{', '.join(sorted(self._short))}: below {SHORT_FRAMES} frames the zeros beyond a clip's ends move Sync-C "
            "and Sync-D"
        ]

    def judge(self, into: Numbers, who: str, path: Path, voice: Voices, reasons: dict[str, str]) -> None:
        """All rows of one file, or the reason why it has none."""
        try:
            frames, values = self._values(who, path, voice)
        except (Unfit, AvtrError) as error:
            reasons[voice.clip.id] = str(error)
            return
        into.add(voice.clip, frames, values)
        if frames < SHORT_FRAMES and "Sync-C" in values:
            self._short.add(voice.clip.id)

    def rows(self, numbers: Numbers, leaks: bool = False) -> dict[str, dict[str, Any]]:
        """As a report has them."""
        marks = {"leaks": True} if leaks else {}
        rows = {}
        for name, better in BETTER.items():
            found = numbers.mean(name)
            reason = None if math.isfinite(found.value) else self._why(name, numbers)
            comparable = self.comparable and name not in STAND_IN
            rows[name] = row(
                found, numbers.count(name), better, comparable=comparable, reason=reason,
                values=numbers.of(name), **marks,
            )  # fmt: skip
        return rows

    def _why(self, name: str, numbers: Numbers) -> str:
        if not numbers.ids:
            return "no clip counts"
        if name in STAND_IN:
            return f"no clip has {FEWEST_STAND_IN} frames in which a face is seen and lips and voice vary"
        return self.net.reason or "no clip is a video that is long enough"

    def _values(self, who: str, path: Path, voice: Voices) -> tuple[int, dict[str, float]]:
        is_video = path.suffix.lower() in VIDEOS
        watch = self.watched(f"{who}/{path.name}") if self.watched is not None else None
        shown = self._shown(path, watch, is_video and self.net.network is not None and self.boxes_from != "mesh")
        whole = _counted(path) if shown is None else shown.frames
        if abs(whole - len(voice.level)) > MOST_APART:
            raise Unfit(f"it has {whole} frames for {len(voice.level)} of sound; at most {MOST_APART} may be cut off")
        first, end = cut(voice.clip, min(whole, len(voice.level)))
        values = {} if shown is None else _stand_in(part(shown, first, end), voice.level[first:end])
        if is_video and self.net.network is not None:
            values |= self._scores(self.net.network, who, path, voice, (first, end), shown)
        return end - first, values

    def _shown(self, path: Path, watch: OnFrames | None, faceless: bool) -> Shown | None:
        """What a file shows; None for a video without a face that need not have one."""
        try:
            return read_shown(path, watch)
        except InputError:
            if not faceless:
                raise
            return None

    def _scores(
        self, net: syncnet.SyncNet, who: str, path: Path, voice: Voices, span: tuple[int, int], shown: Shown | None
    ) -> dict[str, float]:
        """Sync-C and its kin of the frames of `span`; nothing of too few: six, or seven to smooth boxes over."""
        boxes = None
        if self.boxes_from == "given":
            assert self.boxes is not None
            start, boxes = boxes_of(self.boxes, who, voice.clip.id)
            span = max(span[0], start), min(span[1], start + len(boxes))
            boxes = boxes[span[0] - start : span[1] - start]
        elif self.boxes_from == "mesh":
            assert shown is not None
            assert shown.boxes is not None
            boxes = shown.boxes[span[0] : span[1]]
        count = syncnet.windows_of(span[1] - span[0], voice.source.facts.samples - span[0] * SAMPLES_PER_FRAME)
        if not count or (boxes is not None and len(boxes) <= SMOOTH_FRAMES // 2):
            return {}
        watch = self.watched(f"{who}/{path.name}, SyncNet") if self.watched is not None else None
        faces = faces_in(path, span, boxes, self.boxes_from == "mesh")
        seen = syncnet.seen_in(net, faces, count)
        heard = syncnet.heard_in(net, Columns(voice.samples(0, *span)), count)
        lags, done = syncnet.Lags(), 0
        for lips, sound in zip(seen, heard, strict=True):
            lags.push(lips, sound)
            done += len(lips)
            if watch is not None:
                watch(done, count)
        found = syncnet.scored(lags.means())
        return {
            "Sync-C": found["sync_c"],
            "Sync-D": found["sync_d"],
            "offset": found["offset"],
            "offset_within_1": float(abs(found["offset"]) <= NEAR),
        }


def _stand_in(shown: Shown, level: Doubles) -> dict[str, float]:
    """The rows `lag_…` of one file; those without a value are left out."""
    if shown.face is None or min(len(level), shown.frames) < FEWEST_STAND_IN:
        return {}
    found = lag_scores(shown.face.aperture, level)
    named: Mapping[str, float | None] = {
        "lag_r": found["r"], "lag_margin": found["margin"], "lag_frames": found["lag"],
    }  # fmt: skip
    return {name: value for name, value in named.items() if value is not None}


def _counted(path: Path) -> int:
    return sum(1 for _ in pictures_at_25(path))
