"""Which codec a file name asks for: `.mp4`, `.mkv` H.264, with an alpha channel VP9 or ProRes, and PNG pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avtr_cli.core.config import OutputConfig
from avtr_cli.core.errors import OutputError
from avtr_cli.core.timing import FPS
from avtr_cli.output import ffmpeg
from avtr_cli.output.planes import TAGS
from avtr_cli.output.sequence import SUFFIX, PictureSequence, is_sequence

_BT709 = "scale=out_color_matrix=bt709:out_range=tv,format={}"
SOUND_BYTES_PER_SECOND = 2 * 2 * 2 * 48_000  # stereo PCM twice: temporary and in the file


@dataclass(frozen=True)
class Format:
    """How to encode one kind of file."""

    suffix: str
    container: str  # ffmpeg's name of it
    codecs: tuple[str, str]  # what a report calls those of picture and sound
    video: tuple[str, ...]  # arguments of the video encoder
    audio: tuple[str, ...]  # of the audio encoder; the bit rate is added where `lossy`
    keeps_alpha: bool
    disk: float  # bytes of disk a pixel and second: segments and finished file together, generously
    lossy: bool = True
    most_kbps: int = 512  # of a channel, that the audio encoder takes
    finish: tuple[str, ...] = ()  # arguments of the container
    planar: bool = False  # whether the video encoder is given `planes` of pictures

    @property
    def encoder(self) -> str:
        """ffmpeg's name of the video encoder."""
        return self.video[self.video.index("-c:v") + 1]

    def audio_arguments(self, kbps: int, channels: int) -> list[str]:
        """ffmpeg's options for `channels` of sound at `kbps`, or at the most that the codec takes."""
        return [*self.audio, *(("-b:a", f"{min(kbps, channels * self.most_kbps)}k") if self.lossy else ())]

    def disk_bytes(self, size: tuple[int, int], frames: int) -> int:
        """What a job of `frames` frames of (width, height) may need while it runs; about half remains after it."""
        return int(frames / FPS * (size[0] * size[1] * self.disk + SOUND_BYTES_PER_SECOND))


def format_of(out: Path, config: OutputConfig) -> Format:
    """The format that `out`'s name asks for. Raises OutputError for a name that none fits."""
    make = FORMATS.get(out.suffix.lower())
    if make is None:
        raise OutputError(
            f"{out}: no video format is called '{out.suffix or out.name}'; "
            "name it .mp4 or .mkv, with an alpha channel .webm or .mov, or .png for pictures one by one"
        )
    if is_sequence(out):
        PictureSequence(out)  # a name that cannot be numbered is refused before the first frame
    return make(config)


def _mp4(config: OutputConfig) -> Format:
    audio, finish = ("-c:a", "aac"), ("-movflags", "+faststart")
    return Format(".mp4", "mp4", ("H.264", "AAC"), _h264(config), audio, False, 2.0, finish=finish, planar=True)


def _mkv(config: OutputConfig) -> Format:
    return Format(".mkv", "matroska", ("H.264", "AAC"), _h264(config), ("-c:a", "aac"), False, 2.0, planar=True)


def _webm(config: OutputConfig) -> Format:
    quality = ("-b:v", "0", "-crf", str(config.crf + 8))
    speed = ("-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1")
    video = ("-vf", _BT709.format("yuva420p"), *TAGS, "-c:v", "libvpx-vp9", *quality, *speed)
    return Format(".webm", "webm", ("VP9", "Opus"), video, ("-c:a", "libopus"), True, 2.0, most_kbps=256)


def _mov(config: OutputConfig) -> Format:
    video = ("-vf", _BT709.format("yuva444p10le"), "-c:v", "prores_ks", "-profile:v", "4444", *TAGS)
    return Format(".mov", "mov", ("ProRes 4444", "PCM"), video, ("-c:a", "pcm_s16le"), True, 110.0, lossy=False)


def _pictures(config: OutputConfig) -> Format:
    # Level 1 takes a seventh of the time of ffmpeg's own choice, for files 7 % larger.
    video = ("-c:v", "png", "-pred", "mixed", "-compression_level", "1", "-threads", "2")
    return Format(SUFFIX, "image2", ("PNG", "PCM"), video, ("-c:a", "pcm_s16le"), True, 100.0, lossy=False)


FORMATS: dict[str, Callable[[OutputConfig], Format]] = {
    ".mp4": _mp4,
    ".mkv": _mkv,
    ".webm": _webm,
    ".mov": _mov,
    SUFFIX: _pictures,
}
"""What makes the format of a suffix; all but pictures one by one are videos."""
VIDEOS = tuple(suffix for suffix in FORMATS if suffix != SUFFIX)


_QUICKER = {"veryfast": ("-x264-params", "me=dia:partitions=i4x4,i8x8")}
"""Of x264's presets, by measurement on our pictures: a quarter less time, 7 % more bytes, as good to the eye."""


def _h264(config: OutputConfig) -> tuple[str, ...]:
    frame = (*TAGS, "-g", str(FPS * 2))
    if config.encoder == "nvenc" or (config.encoder == "auto" and ffmpeg.works("h264_nvenc")):
        if not ffmpeg.works("h264_nvenc"):
            raise OutputError("output.encoder is 'nvenc', but h264_nvenc does not work here; use 'auto' or 'x264'")
        return (
            *frame,
            "-c:v",
            "h264_nvenc",
            "-preset",
            "p4",
            "-rc",
            "vbr",
            "-cq",
            str(min(config.crf + 4, 51)),
            "-b:v",
            "0",
        )
    quality = ("-preset", config.speed, "-crf", str(config.crf), *_QUICKER.get(config.speed, ()))
    return (*frame, "-c:v", "libx264", *quality, "-threads", "2")
