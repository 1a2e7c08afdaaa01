"""What a job has to tell when it is done: the origin that marks the video, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from avtr_cli.core import runtime
from avtr_cli.core.arrays import Floats
from avtr_cli.core.files import file_sha256
from avtr_cli.core.interaction import Interaction
from avtr_cli.core.protocols import FeelsContacts, backend_of
from avtr_cli.core.timing import FPS
from avtr_cli.core.types import Identity
from avtr_cli.jobs.preparation import PreparedJob, warnings_of
from avtr_cli.jobs.timeline import movements, poster_time
from avtr_cli.jobs.workfolder import WorkFolder
from avtr_cli.motion.bridges.flame import FlameReplay
from avtr_cli.motion.suffixes import FLAME_SUFFIX
from avtr_cli.output.sequence import SUFFIX, is_sequence, sequence_sha256
from avtr_cli.output.video import frames_hash
from avtr_cli.prompts.interactions import PEOPLE, is_inside
from avtr_cli.provenance import marks
from avtr_cli.provenance.origin import Origin
from avtr_cli.report.report import Report, timing_entry
from avtr_cli.weights.registry import notices


def sound_rate(file_rate: int) -> int:
    """Hz of the sound in the output, for a source of so many: of the same family, so that little is resampled."""
    return 44_100 if file_rate in (11_025, 22_050, 44_100) else 48_000


def origin_of(prepared: PreparedJob) -> Origin:
    """What the video says of itself: content is told by hashes, never by names of files."""
    job = prepared.job
    inputs = {f"photo{'_b' * at}": one.portrait.sha256 for at, one in enumerate(prepared.avatars)}
    inputs |= {f"audio{'_partner' * at}": digest for at, digest in enumerate(prepared.source.sha256)}
    return Origin(
        models={"motion": job.preset.motion.generator, "renderer": job.preset.render.renderer},
        inputs=inputs,
        weights={path.name: prepared.engine.sha256(path) for path in prepared.engine.weights_files()},
        photos=job.photos,
        people=len(prepared.avatars),
        preset=job.preset.name,
        seed=job.seed,
        label=job.label,
        attribution=attribution_of(prepared),
    )


def attribution_of(prepared: PreparedJob) -> tuple[str, ...]:
    """What licences want said of the video: of its models, of FLAME, and of motion that was given."""
    job, generator = prepared.job, prepared.avatars[0].generator
    in_flame = any(
        path is not None and path.suffix.lower() == FLAME_SUFFIX for path in (job.motion_out, job.from_motion)
    )
    said = notices(job.preset, ("flame/model",) if in_flame else ())
    if isinstance(generator, FlameReplay) and generator.motion.attribution:
        said = [generator.motion.attribution, *said]
    return tuple(dict.fromkeys(said))


def report_of(
    prepared: PreparedJob,
    folder: WorkFolder,
    made: Sequence[Path],
    marked: dict[str, Any],
    resumed: int,
    wall_s: float,
    rendering_s: float,
) -> Report:
    """The report of a finished job, whose output is `made` in its work folder; docs/report.md names every key."""
    job, engine, feed = prepared.job, prepared.engine, prepared.feed
    width, height = prepared.size
    timing = timing_entry(feed.clock(), prepared.startup_s, wall_s, (prepared.total - resumed) / FPS / rendering_s)
    timing["pace"] = feed.pace.entry() if feed.pace is not None else {"mode": "max"}
    return Report(
        {
            "avtr": marks.made_by(job.preset, job.seed, job.command)
            | {"finished": datetime.now(timezone.utc).isoformat(timespec="seconds")},
            "settings": job.preset.as_dict(),
            "weights": [{"file": path.name, "sha256": prepared.engine.sha256(path)} for path in engine.weights_files()],
            "device": runtime.describe_device(engine.device, engine.precision, engine.threads)
            | {"kernels": engine.kernels, "motion": backend_of(engine.generator)},
            "inputs": _inputs(prepared),
            "output": {
                "path": str(job.out),
                "sha256": _output_sha256(job.out, made),
                "bytes": sum(path.stat().st_size for path in made),
                "codec": prepared.checked.form.codecs[0],
                **_sound(prepared),
                "frames": prepared.total,
                "fps": FPS,
                "width": width,
                "height": height,
                "layout": feed.layout.name if feed.layout is not None else "single",
                "duration_s": prepared.total / FPS,
                "poster_s": round(poster_time(movements(folder, neutrals_of(prepared))), 3),
                "frames_sha256": frames_hash(folder.digests),
                "resumed_from_frame": resumed,
            },
            "timing": timing,
            "memory": {
                "peak_rss_mb": round(runtime.peak_rss_mb(), 1),
                "peak_gpu_mb": round(runtime.peak_gpu_mb(engine.device), 1),
            },
            "cues": [{"frame": cue.frame, "cue": cue.name, "strength": cue.strength} for cue in job.cues],
            "interactions": interactions_of(prepared),
            "provenance": marked,
            "attribution": list(attribution_of(prepared)),
            "warnings": list(warnings_of(job, prepared.avatars, prepared.health, prepared.total)),
        }
    )


def interactions_of(prepared: PreparedJob) -> list[dict[str, Any]]:
    """What was done to the people, in the order of its frames: `person` is a or b."""
    told = [
        {
            "frame": one.frame,
            "do": one.do,
            "tone": one.tone,
            "strength": one.strength,
            "person": person,
            "x": round(one.x, 4),
            "y": round(one.y, 4),
            "region": one.region,
            "shares": dict(one.regions),
            "shown_at": _shown_at(prepared, avatar.identity, one),
        }
        for person, avatar in zip(PEOPLE, prepared.avatars, strict=False)
        for one in avatar.interactions
    ]
    return sorted(told, key=lambda one: one["frame"])


def _shown_at(prepared: PreparedJob, identity: Identity, one: Interaction) -> list[float] | None:
    """[x, y] in shares of the person's picture at rest; None where that does not show it."""
    renderer = prepared.engine.renderer
    if not isinstance(renderer, FeelsContacts):
        return None
    place = renderer.at_rest(identity, (one.x, one.y))
    return [round(share, 4) for share in place] if is_inside(place) else None


def neutrals_of(prepared: PreparedJob) -> list[Floats]:
    """The motion (C,) of every avatar at rest."""
    return [one.identity.neutral.cpu().numpy() for one in prepared.avatars]


def _sound(prepared: PreparedJob) -> dict[str, Any]:
    """What sound the output carries; null three times where it has none."""
    kind = prepared.job.preset.output.sound
    facts: tuple[str | int | None, ...] = (None, None, None)
    if kind != "none":
        rate = sound_rate(prepared.source.facts.file_rate)
        facts = (prepared.checked.form.codecs[1], rate, 2 if kind == "stereo" else 1)
    return dict(zip(("sound_codec", "sound_rate", "sound_channels"), facts, strict=True))


def _output_sha256(out: Path, made: Sequence[Path]) -> str:
    if not is_sequence(out):
        return file_sha256(made[-1])
    return sequence_sha256([path for path in reversed(made) if path.suffix == SUFFIX])


def _inputs(prepared: PreparedJob) -> dict[str, Any]:
    """The report's `inputs`: `photo`, for a dialogue `photo_b` too, `audio`, and where one is followed `style`."""
    sound, facts = prepared.job.sound, prepared.source.facts
    photos = {}
    for at, (path, one) in enumerate(zip(prepared.job.photos, prepared.avatars, strict=True)):
        height, width = one.portrait.photo.shape[:2]
        photos[f"photo{'_b' * at}"] = {
            "path": prepared.job.true_names(str(path)),
            "sha256": one.portrait.sha256,
            "width": width,
            "height": height,
        }
    audio: dict[str, Any] = {
        "path": prepared.job.true_names(str(sound.dialogue)),
        "sha256": prepared.source.sha256[0],
        "start_s": sound.start_s,
        "duration_s": round(facts.duration_s, 3),
        "sample_rate": facts.file_rate,
        "channels": facts.channels,
        "correlation": round(prepared.health.correlation, 4),
        "voice_share": [round(share, 4) for share in prepared.health.voice_share],
    }
    if sound.partner is not None:
        audio["partner"] = {"path": prepared.job.true_names(str(sound.partner)), "sha256": prepared.source.sha256[1]}
    told = {**photos, "audio": audio}
    if (style := prepared.job.style) is not None:
        told["style"] = {"path": str(style), "sha256": prepared.read[style]}
    return told
