"""What a video was made from and by: the facts that every kind of mark repeats, and the sentence that says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from avtr_cli import __version__

DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's term for media made by a trained model; C2PA uses the same."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What went into one video."""

    models: Mapping[str, str]  # role -> name, as {"motion": "lmfm", "renderer": "mesh"}
    inputs: Mapping[str, str] = field(default_factory=dict)  # role -> SHA-256 of the file, as {"photo": "9f86…"}
    weights: Mapping[str, str] = field(default_factory=dict)  # file name -> SHA-256
    photos: tuple[Path, ...] = ()  # whose own manifests are carried along while their bytes are those of `inputs`
    people: int = 1
    preset: str = "default"
    seed: int = 0
    label: str = ""  # burnt into the frames
    attribution: tuple[str, ...] = ()  # what the licences of its models want said

    @property
    def tool(self) -> str:
        """Name and version of what made the file."""
        return f"avtr {__version__}"

    @property
    def drawn(self) -> list[tuple[Path, str]]:
        """Every photo with the SHA-256 of the bytes that were drawn, "" where `inputs` does not tell."""
        return [(path, self.inputs.get(f"photo{'_b' * at}", "")) for at, path in enumerate(self.photos)]

    @property
    def models_text(self) -> str:
        """The models on one line, as in "motion lmfm, renderer mesh"."""
        return ", ".join(f"{role} {name}" for role, name in self.models.items())

    @property
    def sentence(self) -> str:
        """What the video is, in words."""
        what = "a synthetic talking avatar made from one photo and a voice"
        if self.people > 1:
            what = f"{self.people} synthetic talking avatars made from one photo each and their voices"
        return f"AI-generated: {what} by {self.tool} ({self.models_text})."
