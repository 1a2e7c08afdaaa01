"""A job: all that shapes one video, as one value, and the key that tells whether two jobs give the same frames."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from avtr_cli import __version__
from avtr_cli.audio.files import DialogueFiles
from avtr_cli.core.config import Preset
from avtr_cli.core.errors import ConfigError
from avtr_cli.core.files import file_sha256, paths_from_strings
from avtr_cli.core.types import Cue
from avtr_cli.prompts.interactions import PEOPLE, Touch

if TYPE_CHECKING:
    from avtr_cli.audio.source import DialogueSource
    from avtr_cli.output.layout import Layout

FRAMES = 6  # counted up where frames, or what a session remembers between them, come out otherwise than before
ENCODING = 2  # counted up with what encoders are told: pictures encoded otherwise cannot be joined to a job's own


@dataclass(frozen=True, kw_only=True)
class Job:
    """One avatar's side of one call, to be rendered to `out`."""

    photo: Path
    sound: DialogueFiles
    out: Path
    preset: Preset = field(default_factory=Preset)
    seed: int = 0
    face: int | None = None  # which face of the photo, from 1; None: the largest
    cues: tuple[Cue, ...] = ()
    interactions: tuple[Touch, ...] = ()  # what is done to the person, as it was asked for
    from_motion: Path | None = None  # replay this motion file instead of making motion
    motion_out: Path | None = None  # also write the motion: .safetensors, .csv (Live Link), .bvh, .npz (FLAME)
    provenance: bool = True  # mark the file as generated
    certificate: Path | None = None  # PEM chain that signs the mark; None: one made on this machine
    private_key: Path | None = None  # of the certificate, PEM
    label: str = ""  # burnt into the frames
    pace: str = "max"  # max | realtime: hear the sound at the wall clock's speed
    report: Path | None = None  # also write the report: JSON
    page: Path | None = None  # also write a report page: .html
    overwrite: bool = False  # replace outputs that lie there; otherwise they are a reason to refuse
    resume: bool = True  # go on from closed segments of an interrupted run
    settings_files: tuple[Path, ...] = ()  # that preset, cues, interactions were read from: no output may be one
    command: str = ""  # as typed, for the report
    copies: dict[Path, Path] = field(default_factory=dict)  # a temporary file -> what it stands for, as a pipe

    def __post_init__(self) -> None:
        paths_from_strings(self, "photo", "out", "from_motion", "motion_out", "report", "page")
        paths_from_strings(self, "certificate", "private_key")
        if self.pace not in ("max", "realtime"):
            raise ConfigError(f"--pace is '{self.pace}', but must be max or realtime")
        self._check_people()

    def _check_people(self) -> None:
        """Raises ConfigError for an interaction with somebody who is not in the video."""
        for touch in self.interactions:
            if touch.person != PEOPLE[0]:
                raise ConfigError(f"{touch.where}: person {touch.person} is of a video of two; use avtr dialogue")

    @property
    def photos(self) -> tuple[Path, ...]:
        """The photos to be read, one for each person."""
        return (self.photo,)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file it is made from."""
        chosen = (
            *self.photos,
            *self.sound.paths,
            self.from_motion,
            *self.preset.files().values(),
            self.certificate,
            self.private_key,
            *self.settings_files,
        )
        return tuple(path for path in chosen if path is not None)

    @property
    def read_once(self) -> tuple[Path, ...]:
        """Small files that shape the frames and are read whole while the job is made ready."""
        return (*([self.from_motion] if self.from_motion else []), *self.preset.files().values())

    @property
    def outputs(self) -> dict[str, Path]:
        """Every file it writes, by the option that names it; of a sequence and its sound, the pattern."""
        chosen = {"-o": self.out, "--report": self.report, "--html": self.page, "--motion-out": self.motion_out}
        return {option: path for option, path in chosen.items() if path is not None}

    def true_names(self, text: str) -> str:
        """`text`, with what temporary files stand for in place of their names."""
        for copy, path in self.copies.items():
            text = text.replace(str(copy), str(path))
        return text

    def sides(self) -> tuple[Job, ...]:
        """A job for every avatar in the picture; the second hears the call with the voices swapped."""
        return (self,)

    def frame_size(self, sizes: list[tuple[int, int]]) -> tuple[int, int]:
        """(width, height) of the picture that holds the avatars' pictures of these sizes."""
        return sizes[0]

    def arrange(self, sizes: list[tuple[int, int]], source: DialogueSource) -> Layout | None:
        """What puts the pictures of two avatars, of these (width, height), into one."""
        return None

    def key(self, weights: Sequence[Path] = (), sha256: Callable[[Path], str] | None = None) -> str:
        """SHA-256 (hex) of everything that shapes the video: two jobs of one key give the same frames.

        Paths do not count, the files' bytes do; neither do threads, the output's name or the command. `sha256`
        may answer for files it has read before; without it every file is read. Raises InputError as `file_sha256`.
        """
        sha256 = sha256 or file_sha256
        wanted = self.preset.runtime
        runtime = {"device": wanted.device, "precision": wanted.precision, "compile": wanted.compile == "on"}
        runtime["kernels"] = wanted.kernels
        settings = self.preset.as_dict() | {"name": "", "runtime": runtime}
        for key, path in self.preset.files().items():
            group, name = key.split(".")
            settings[group] = settings[group] | {name: sha256(path)}
        described = {
            "avtr": [__version__, FRAMES],
            "photo": sha256(self.photo),
            "sound": [sha256(path) for path in self.sound.paths],
            "roles": [self.sound.solo, self.sound.avatar_channel, self.sound.start_s, self.sound.duration_s],
            "preset": settings,
            "format": [self.out.suffix.lower(), ENCODING],
            "seed": self.seed,
            "face": self.face,
            "cues": [dataclasses.astuple(cue) for cue in self.cues],
            "interactions": [touch.facts for touch in self.interactions],
            "motion": sha256(self.from_motion) if self.from_motion else None,
            "weights": [sha256(path) for path in weights],
            "label": self.label,
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
