"""`avtr demo compare`: a call by our own systems and by faces that do not listen, side by side, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from avtr_cli.cli import running
from avtr_cli.cli.compare import compare
from avtr_cli.cli.performing import performer
from avtr_cli.core.errors import OutputError

if TYPE_CHECKING:
    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.evaluation.motion.takes import Dialogue
    from avtr_cli.jobs.job import Job

CALL = "call"
PHOTO = "skimage:astronaut"
AVATAR_CHANNEL = 2  # of the example dialogue: this person hears an explanation out, and answers
START_S, DURATION_S = 9.9, 15.0
SIZE = 384  # px, of each video
TRUTH, TRUTH_SEED = "another seed of avtr", 7
HEARING = {"avtr": "default", "fast": "fast"}  # by their presets
HELD_AGAINST = ("other-partner", "deaf", "loudness", "idle-loop")  # of the baselines


def demo_compare(out: Path, manner: running.Manner) -> None:
    """Render all into `out`/compare, and `out`/compare.mp4 and .html of them; what an earlier demo wrote is replaced.

    Raises OutputError where something else lies in the way.
    """
    from avtr_cli.core.files import lies_there, write_text

    folder, film = out / "compare", out / "compare.mp4"
    page, manifest = film.with_suffix(".html"), folder / "manifest.yaml"
    ours = manifest.is_file() and manifest.read_text(encoding="utf-8", errors="replace") == _manifest()
    if not ours and (there := [path for path in (folder, film, page) if lies_there(path)]):
        raise OutputError(f"{there[0]}: is there already, and no such demo wrote it; choose another -o")
    try:
        for part in ("audio", "truth", "photos", "motion", *(f"systems/{name}" for name in (*HEARING, *HELD_AGAINST))):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose another -o") from error
    write_text(manifest, _manifest())
    for job in _jobs(folder, _call(folder / "audio" / f"{CALL}.wav")):
        running.rendered(replace(job, overwrite=ours), manner, job.out.parent.name)
    order = ",".join((*HEARING, *HELD_AGAINST))
    compare(
        folder, film, systems=order, html=page, few=True, overwrite=ours, as_json=manner.as_json, quiet=manner.quiet
    )


def _call(path: Path) -> Dialogue:
    """The part of the example dialogue that all are judged by, written to `path`."""
    import soundfile

    from avtr_cli.audio.files import DialogueFiles
    from avtr_cli.core.shipped import shipped_folder
    from avtr_cli.core.timing import SAMPLE_RATE
    from avtr_cli.evaluation.motion.takes import load_dialogue

    example = shipped_folder("examples") / "dialogue.wav"
    part = DialogueFiles(dialogue=example, avatar_channel=AVATAR_CHANNEL, start_s=START_S, duration_s=DURATION_S)
    call = replace(load_dialogue(part), name=CALL)
    soundfile.write(path, call.sound.T, SAMPLE_RATE, subtype="PCM_16")
    return call


def _jobs(folder: Path, call: Dialogue) -> Iterator[Job]:
    """Our own systems hear the call; what they are held against is performed first, and drawn from that motion."""
    import torch

    from avtr_cli.core.config import load_preset
    from avtr_cli.core.motion_space import CONTROLS
    from avtr_cli.evaluation.motion.baselines import baselines
    from avtr_cli.jobs.demos import photo_of
    from avtr_cli.jobs.job import Job
    from avtr_cli.motion.file import save_motion

    photo, sound = photo_of(PHOTO, folder / "photos"), _sound(folder)
    preset = load_preset("default", [f"render.size={SIZE}"])

    def video(place: str) -> Path:
        return folder / place / f"{CALL}.mp4"

    yield Job(photo=photo, sound=sound, out=video("truth"), preset=preset, seed=TRUTH_SEED)
    for name, chosen in HEARING.items():
        yield Job(
            photo=photo, sound=sound, out=video(f"systems/{name}"), preset=load_preset(chosen, [f"render.size={SIZE}"])
        )
    for one in baselines(performer(preset)):
        if one.name in HELD_AGAINST:
            motion = folder / "motion" / f"{one.name}.safetensors"
            save_motion(motion, CONTROLS, torch.from_numpy(one.perform([call], 0)), 0)
            yield Job(photo=photo, sound=sound, out=video(f"systems/{one.name}"), preset=preset, from_motion=motion)


def _sound(folder: Path) -> DialogueFiles:
    from avtr_cli.audio.files import DialogueFiles

    return DialogueFiles(dialogue=folder / "audio" / f"{CALL}.wav")


def _manifest() -> str:
    import yaml

    from avtr_cli.evaluation.folder.layout import FORMAT

    systems = [{"name": name, "hears_partner": name in HEARING} for name in (*HEARING, *HELD_AGAINST)]
    said = {"format": FORMAT, "truth": TRUTH, "clips": [{"id": CALL, "group": CALL}], "systems": systems}
    text: str = yaml.safe_dump(said, sort_keys=False)
    return f"# Written by `avtr demo compare`, which replaces what lies in this folder.\n{text}"
