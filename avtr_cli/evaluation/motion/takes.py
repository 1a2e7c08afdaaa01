"""What measures are taken of: a dialogue, a way to perform it, and the takes (one motion each) that come of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avtr_cli.audio.source import DialogueFiles, DialogueSource
from avtr_cli.core.errors import InputError
from avtr_cli.core.motion_space import CONTROLS
from avtr_cli.core.timing import SAMPLE_RATE
from avtr_cli.evaluation.motion.face import Face, read_face
from avtr_cli.evaluation.motion.voice import Voice, hear

Perform = Callable[[np.ndarray, int], np.ndarray]
"""Sound, float32 (2, n) at 16 kHz, rows (avatar, partner), and a seed -> controls (ceil(n / 640), 58)."""


class Phone(NamedTuple):
    """An ARPAbet phone of the avatar's voice, lower case without stress, in seconds of the dialogue."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Dialogue:
    """A call to be judged by: its sound, float32 (2, n), and where known the avatar's phones and true motion."""

    name: str
    sound: np.ndarray
    phones: tuple[Phone, ...] = ()
    truth: np.ndarray | None = None  # controls (T, 58)

    def heard_as(self, avatar: np.ndarray | None = None, partner: np.ndarray | None = None) -> Dialogue:
        """The same call with one side's sound replaced."""
        own, other = self.sound
        return replace(self, sound=np.stack([own if avatar is None else avatar, other if partner is None else partner]))


@dataclass(frozen=True)
class Take:
    """One motion, and the voices it is judged against; those need not be what the motion was made from."""

    face: Face
    own: Voice
    partner: Voice
    dialogue: Dialogue


@dataclass(frozen=True)
class Finding:
    """A measured number, what it would be by chance, and from how many things (frames, phrases, ...) it comes."""

    value: float
    chance: float = float("nan")
    count: int = 0


Findings = dict[str, Finding]


def take(dialogue: Dialogue, perform: Perform, seed: int, heard: Dialogue | None = None) -> Take:
    """Perform `dialogue`, or what is `heard` in its place, and set the motion beside the dialogue's own voices."""
    motion = perform((heard or dialogue).sound, seed)
    own, partner = hear(dialogue.sound)
    assert len(motion) == len(own), f"{len(motion)} frames of motion for {len(own)} frames of sound"
    return Take(read_face(motion), own, partner, dialogue)


def load_dialogue(files: DialogueFiles, phones: Path | None = None) -> Dialogue:
    """A dialogue from sound files.

    `phones` is a label file (lines `start end phone`, seconds); without it, and if the sound is played from its
    start, NAME.lab beside the sound is taken, and NAME.truth.safetensors (a motion file) as its true motion.
    Raises InputError, AudioError.
    """
    with DialogueSource(files) as source:
        sound = np.concatenate(list(source.blocks()), axis=1)
    whole = files.start_s == 0 and files.duration_s is None
    beside = files.dialogue.with_suffix(".lab")
    if phones is None and whole and beside.is_file():
        phones = beside
    truth = files.dialogue.with_suffix(".truth.safetensors")
    return Dialogue(
        name=files.dialogue.stem,
        sound=sound,
        phones=read_phones(phones) if phones else (),
        truth=_read_truth(truth, sound.shape[1]) if whole and truth.is_file() else None,
    )


def read_phones(path: Path) -> tuple[Phone, ...]:
    """Phones of a label file. Raises InputError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the phones cannot be read ({error})") from error
    phones = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        try:
            start, end, name = words
            phones.append(Phone(name.lower().rstrip("012"), float(start), float(end)))
        except ValueError:
            raise InputError(f"{path}: line {number} is not 'start end phone' in seconds: {line!r}") from None
    return tuple(phones)


def _read_truth(path: Path, samples: int) -> np.ndarray:
    from avtr_cli.core.timing import frames_of
    from avtr_cli.motion.file import load_motion

    space, values, _ = load_motion(path)
    if space != CONTROLS or len(values) != frames_of(samples):
        raise InputError(
            f"{path}: holds {len(values)} frames of '{space.name}', but the sound beside it needs "
            f"{frames_of(samples)} of '{CONTROLS.name}'"
        )
    return values.numpy()


def silence(seconds: float) -> Dialogue:
    """A call in which nobody says anything: digital silence on both sides."""
    return Dialogue("silence", np.zeros((2, round(seconds * SAMPLE_RATE)), np.float32))


def repeated(dialogues: Sequence[Dialogue], seconds: float) -> Dialogue:
    """The dialogues one after the other, again and again, for so long."""
    wanted = round(seconds * SAMPLE_RATE)
    once = np.concatenate([dialogue.sound for dialogue in dialogues], axis=1)
    return Dialogue("repeated", np.tile(once, -(-wanted // once.shape[1]))[:, :wanted])


def shifted_partner(dialogue: Dialogue, share: float) -> Dialogue:
    """The partner's track turned round by `share` of the call: same voice, same rhythm, another time."""
    partner = dialogue.sound[1]
    return dialogue.heard_as(partner=np.roll(partner, round(share * len(partner))))


def silent_partner(dialogue: Dialogue) -> Dialogue:
    return dialogue.heard_as(partner=np.zeros_like(dialogue.sound[1]))


def silent_avatar(dialogue: Dialogue) -> Dialogue:
    return dialogue.heard_as(avatar=np.zeros_like(dialogue.sound[0]))


def other_partner(dialogue: Dialogue, other: Dialogue) -> Dialogue:
    """The partner of another call in this one's place, repeated or cut to its length."""
    count = dialogue.sound.shape[1]
    partner = other.sound[1]
    return dialogue.heard_as(partner=np.tile(partner, -(-count // len(partner)))[:count])
