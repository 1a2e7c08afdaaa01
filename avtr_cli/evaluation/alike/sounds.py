"""The voice behind a video or in a sound file, as one channel: to be held against lips, or to be spoken anew."""

from __future__ import annotations

from pathlib import Path

from avtr_cli.audio.files import DialogueFiles
from avtr_cli.audio.source import DialogueSource
from avtr_cli.core.arrays import Sound
from avtr_cli.core.errors import AudioError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.core.textfile import why_no_file
from avtr_cli.output import ffmpeg


def voice_in(path: Path) -> Sound:
    """All channels of a sound file, or of a video's sound, mixed: float32 (n,) at 16 kHz.

    Raises AudioError where there is no sound.
    """
    if why := why_no_file(path):
        raise AudioError(f"{path}: {why}")
    voice: Sound = ffmpeg.heard_in(path)[0]
    return voice


def as_one_voice(path: Path, mixed: Path) -> Path:
    """A sound that `avtr render --solo` takes: `path` itself, or, where its channels differ, a mix made at `mixed`.

    Raises AudioError where it is no sound, OutputError where the mix cannot be written.
    """
    try:
        with DialogueSource(DialogueFiles(dialogue=path, solo=True)):
            return path
    except AudioError as error:
        refused = error
    try:
        with replacing(mixed) as partial:
            made = ["-i", ffmpeg.named(path.absolute()), "-vn", "-ac", "1", "-c:a", "pcm_s16le", "-f", "wav"]
            ffmpeg.run([*made, ffmpeg.named(partial.absolute())], str(path))
    except OutputError:
        raise refused from None
    except OSError as error:
        raise OutputError(f"{mixed}: cannot be written ({reason(error)})") from error
    return mixed
