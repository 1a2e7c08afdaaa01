"""How large UniLS's networks are: as published in two sizes, and as a checkpoint's own `meta_cfg` says."""

from __future__ import annotations

from dataclasses import dataclass, replace

CLIP_FRAMES = 100  # made together: 4 s at 25 fps
MOTION_WIDTH = 108  # channels of `core.motion_space.FLAME`
HEAD_WIDTH = 64  # of one attention head, in both sizes
SPEECH_WIDTH = 1024  # of one row of speech features


@dataclass(frozen=True, kw_only=True)
class CodecConfig:
    """Motion to bits and back."""

    depth: int = 8  # layers of each tower
    heads: int = 8
    width: int = 512
    scales: tuple[int, ...] = (1, 5, 25, 50, 100)  # rows of bits at each level, coarse first
    code_width: int = 32  # bits in a row

    @property
    def rows(self) -> int:
        """Rows of bits that a clip takes."""
        return sum(self.scales)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """The generator and the codec inside it."""

    codec: CodecConfig = CodecConfig()
    depth: int = 8
    heads: int = 8
    width: int = 512
    voices: bool = True  # dual: hears both voices | False: the audio-free first stage


SMALL_CODEC = CodecConfig(depth=6, heads=6, width=384, scales=(1, 25, 50, 100))
DUAL = NetworkConfig()
DUAL_SMALL = NetworkConfig(codec=SMALL_CODEC, depth=6, heads=6, width=384)

PUBLISHED: dict[str, CodecConfig | NetworkConfig] = {
    "codec": CodecConfig(),
    "codec-small": SMALL_CODEC,
    "free": replace(DUAL, voices=False),
    "free-small": replace(DUAL_SMALL, voices=False),
    "dual": DUAL,
    "dual-small": DUAL_SMALL,
}
"""The six published networks by name."""
