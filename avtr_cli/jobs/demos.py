"""The demo clips of examples/demos.yaml as jobs."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.config import load_preset
from avtr_cli.core.errors import AvtrError, ConfigError, OutputError
from avtr_cli.core.files import lies_there, reason, replacing
from avtr_cli.core.plain_yaml import load_file
from avtr_cli.core.shipped import shipped_folder
from avtr_cli.jobs.job import Job
from avtr_cli.jobs.two_sided import TwoSidedJob
from avtr_cli.prompts.interactions import parse_interactions


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One entry of demos.yaml. `photo` is a file beside it, or `skimage:NAME`, a picture scikit-image ships."""

    name: str
    description: str
    photo: str
    dialogue: str
    photo_b: str | None = None  # then both sides of the call are shown
    layout: str = "side-by-side"  # of the two
    avatar_channel: int = 1
    start_s: float = 0.0
    duration_s: float | None = None
    preset: str = "default"
    settings: dict[str, Any] | None = None
    seed: int = 0
    interactions: list[dict[str, Any]] | None = None  # as in a file of --interactions


def choose_demos(name: str | None = None) -> list[Demo]:
    """All demos, or the one called `name`. Raises ConfigError where there is none."""
    path = shipped_folder("examples") / "demos.yaml"
    known = {field.name for field in fields(Demo)}
    demos = []
    for entry in load_file(path)["demos"]:
        if unknown := entry.keys() - known:
            raise ConfigError(f"{path}: a demo has no {', '.join(sorted(unknown))}")
        demos.append(Demo(**entry))
    chosen = [demo for demo in demos if name in (None, demo.name)]
    if not chosen:
        raise ConfigError(f"no demo is called '{name}'; there are {', '.join(demo.name for demo in demos)}")
    return chosen


def demo_job(demo: Demo, folder: Path, command: str = "") -> Job:
    """The job that renders `demo` to `folder`/NAME.mp4."""
    out = folder / f"{demo.name}.mp4"
    shared: dict[str, Any] = {
        "photo": photo_of(demo.photo, folder),
        "sound": DialogueFiles(
            dialogue=shipped_folder("examples") / demo.dialogue,
            avatar_channel=demo.avatar_channel,
            start_s=demo.start_s,
            duration_s=demo.duration_s,
        ),
        "out": out,
        "preset": load_preset(demo.preset).with_settings(**(demo.settings or {})),
        "seed": demo.seed,
        "interactions": parse_interactions(demo.interactions or [], demo.name),
        "report": out.with_suffix(".json"),
        "overwrite": _made_by_a_demo(out),
        "command": command,
    }
    if demo.photo_b is None:
        return Job(**shared)
    return TwoSidedJob(photo_b=photo_of(demo.photo_b, folder), layout=demo.layout, **shared)


def _made_by_a_demo(out: Path) -> bool:
    """Whether the video at `out` was rendered by us, as the report beside it says: then it may be replaced."""
    try:
        return Path(json.loads(out.with_suffix(".json").read_bytes())["output"]["path"]).name == out.name
    except (OSError, ValueError, KeyError, TypeError):
        return False


def photo_of(name: str, folder: Path) -> Path:
    """The photo's file; a picture of scikit-image is written to `folder` first."""
    if not name.startswith("skimage:"):
        return shipped_folder("examples") / name
    try:
        import skimage.data
    except ImportError:
        raise AvtrError(
            f"the photo '{name}' comes with scikit-image; install it: pip install 'avtr-cli[demo]'"
        ) from None
    import cv2

    picture = getattr(skimage.data, name.removeprefix("skimage:"))()[..., ::-1]
    path = folder / f"{name.removeprefix('skimage:')}.png"
    if lies_there(path):
        there = cv2.imread(str(path))
        if there is None or not np.array_equal(there, picture):
            raise OutputError(f"{path}: is another picture than the demo's; move it, or choose another -o")
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)}); choose another -o") from error
    return path
