"""A clip into another encoder's numbers a frame: what a folder's .npz files hold, or what SyncNet makes of its videos.

Of an .npz, `embedding` (T, v) is the face, and `heard` (T, a), in truth's own file alone, the partner's sound; both by
`encoder`. Of a video, SyncNet's vectors of five frames, and of the partner's sound to them, belong to the third frame;
they are kept by the video's content, since a frame takes a sixth of a second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import AnyArray, Floats, Mask
from avtr_cli.core.errors import AvtrError, WeightsError
from avtr_cli.core.files import file_sha256, replacing
from avtr_cli.core.suffixes import VIDEOS
from avtr_cli.evaluation import syncnet
from avtr_cli.evaluation.folder import judges
from avtr_cli.evaluation.folder.entries import Entry
from avtr_cli.evaluation.folder.judged import Judged, LeftOut, Unfit, Watched, cut
from avtr_cli.evaluation.folder.layout import Layout
from avtr_cli.evaluation.folder.points import points_of, tracks_folder
from avtr_cli.evaluation.folder.shown import Shown
from avtr_cli.evaluation.folder.windows import Voices, faces_in
from avtr_cli.evaluation.pairs import FRAME_RULES
from avtr_cli.evaluation.sync_sound import Columns

MIDDLE = syncnet.WINDOW // 2  # which frame of a window its vectors belong to

Encode = Callable[[Judged, Layout, LeftOut], Entry | None]
"""A clip -> what is kept of it, None where nothing is; `left_out` is told why, of the clip or of one system."""


def from_files(encoder: str, rule: str) -> Encode:
    """What reads the `encoder`'s vectors from .npz files, of the frames that `rule` chooses."""

    def entry(clip: Judged, layout: Layout, left_out: LeftOut) -> Entry | None:
        try:
            truth, heard = _embedding(clip.truth, encoder), clip.truth.heard
            if heard is None:
                raise Unfit("its truth holds no 'heard': the partner's sound by the same encoder")
        except Unfit as error:
            left_out.clips[clip.clip.id] = str(error)
            return None
        systems = {}
        for name, shown in clip.systems.items():
            try:
                vectors = _embedding(shown, encoder)
                if vectors.shape[1] != truth.shape[1]:
                    raise Unfit(f"its embedding has {vectors.shape[1]} numbers a frame, the truth's {truth.shape[1]}")
                systems[name] = vectors
            except Unfit as error:
                left_out.systems.setdefault(name, {})[clip.clip.id] = str(error)
        return _entry(clip, rule, heard, truth, systems, np.ones(len(truth), bool))

    return entry


def from_videos(rule: str, watched: Watched | None = None) -> Encode:
    """What makes SyncNet's vectors of videos. Raises WeightsError where its weights are not here."""
    net = judges.judge(syncnet.FILES, syncnet.load)
    if net.network is None or net.path is None:
        raise WeightsError(f"the encoder syncnet {net.reason}")
    network, weights = net.network, file_sha256(net.path)[:12]

    def entry(clip: Judged, layout: Layout, left_out: LeftOut) -> Entry | None:
        def shown(path: Path | None, who: str) -> Floats:
            if path is None or path.suffix.lower() not in VIDEOS:
                raise Unfit("there is no video of it")
            vectors = _seen(network, path, weights, watched(f"{who}/{path.name}, SyncNet") if watched else None)
            first, end = cut(clip.clip, len(vectors))
            if end - first <= syncnet.WINDOW:
                raise Unfit(f"{end - first} frames are too few for SyncNet")
            return vectors[first:end]

        try:
            truth = shown(clip.clip.truth, "truth")
            heard = _heard(network, clip)
        except (Unfit, AvtrError) as error:
            left_out.clips[clip.clip.id] = str(error)
            return None
        systems: dict[str, AnyArray] = {}
        for system in layout.systems:
            if system.name in clip.systems:
                try:
                    systems[system.name] = shown(system.shows(clip.clip, VIDEOS), system.name)
                except (Unfit, AvtrError) as error:
                    left_out.systems.setdefault(system.name, {})[clip.clip.id] = str(error)
        there = np.ones(min(len(heard), len(truth)), bool)
        for vectors in (heard, truth, *systems.values()):
            known = np.isfinite(vectors[: len(there), 0])
            there[: len(known)] &= known
        systems = {name: _filled(vectors) for name, vectors in systems.items()}
        return _entry(clip, rule, _filled(heard), _filled(truth), systems, there)

    return entry


def _embedding(shown: Shown, encoder: str) -> AnyArray:
    if shown.embedding is None:
        raise Unfit(f"its file holds no 'embedding' of the encoder {encoder}")
    if shown.encoder != encoder:
        raise Unfit(f"its embedding is of the encoder '{shown.encoder}', not '{encoder}'")
    return shown.embedding


def _entry(
    clip: Judged, rule: str, heard: AnyArray, truth: AnyArray, systems: dict[str, AnyArray], there: Mask
) -> Entry:
    """Only frames that are `there` (T,) can be chosen."""
    count = min(clip.truth.frames, len(there), len(heard), len(truth))
    chosen = FRAME_RULES[rule](clip.own, clip.partner)[:count] & there[:count]
    return Entry(clip.clip.id, clip.clip.group, clip.clip.partner, chosen, heard, truth, systems)


def _filled(vectors: Floats) -> Floats:
    """The nearest vector wherever there is none."""
    known = np.flatnonzero(np.isfinite(vectors[:, 0]))
    return vectors[np.clip(np.arange(len(vectors)), known[0], known[-1])]


def _seen(net: syncnet.SyncNet, path: Path, weights: str, watch: Callable[[int, int], None] | None) -> Floats:
    """Vectors (T, 1024) of a video's frames, NaN at its ends, which no window has in its middle."""
    kept = tracks_folder() / f"{file_sha256(path)}-syncnet-{weights}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        known: Floats = np.load(kept, mmap_mode="r", allow_pickle=False)
        if known.ndim == 2 and known.shape[1] == 1024:
            return known
    boxes = points_of(path).boxes
    vectors = np.full((len(boxes), 1024), np.nan, np.float32)
    count, at = max(0, len(boxes) - syncnet.WINDOW + 1), 0
    for lips in syncnet.seen_in(net, faces_in(path, (0, len(boxes)), boxes, True), count):
        vectors[at + MIDDLE : at + MIDDLE + len(lips)] = lips
        at += len(lips)
        if watch is not None:
            watch(at, count)
    with contextlib.suppress(OSError):  # where nothing can be kept, it is seen again next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as partial, partial.open("wb") as file:
            np.save(file, vectors)
    return vectors


def _heard(net: syncnet.SyncNet, clip: Judged) -> Floats:
    """Vectors (T, 1024) of the partner's sound, NaN where no window is."""
    voices = Voices(clip.clip)
    with voices.source:
        first, end = cut(clip.clip, len(voices.level))
        vectors = np.full((end - first, 1024), np.nan, np.float32)
        count, at = end - first - syncnet.WINDOW, 0
        if count < 1:
            raise Unfit(f"{end - first} frames of sound are too few for SyncNet")
        for sound in syncnet.heard_in(net, Columns(voices.samples(1, first, end)), count):
            vectors[at + MIDDLE : at + MIDDLE + len(sound)] = sound
            at += len(sound)
    return vectors
