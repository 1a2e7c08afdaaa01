"""What both voices said into when arms move: two small networks behind the hearing of the embedded model.

*Accent ahead* says for each frame how likely an accent of the own voice is five frames later, which the chunk's encoded
frames know already, as each hears five frames ahead. *Hands* has hazards, as the face's event head: hands go up, go
down, the weight shifts. Both listen with the hearing as it is; their weights lie beside its own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.shipped import asset
from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.motion.body.events import EVENTS
from avtr_cli.motion.lmfm.hearing import FLAGS, Hearing

SHIPPED = asset("gestures.safetensors")
FORMAT = "avtr-gestures-1"
HEARD = 128  # width of an encoded frame
BEFORE = 8  # encoded frames before the chunk that tell of an accent
HISTORY = 48  # flag frames before the chunk that hazards remember
MIXED = 6  # of them, encoded frames that are mixed in
STYLE = ("lively", "size", "posture")  # of the person who gestures, each in +-2
HALF_LIVES = (8.0, 25.0, 75.0)  # frames
SINCE_LONGEST = 250.0  # frames; "never" counts as this
_RARE_ACCENT, _RARE_EVENT = -3.0, -4.6  # log odds before anything is learned


class AccentAhead(nn.Module):
    """13 encoded frames of the own voice -> log odds of an accent within a frame of 5 frames later, for the last 5."""

    def __init__(self, narrow: int = 20, width: int = 64, dropout: float = 0.35) -> None:
        super().__init__()
        self.narrow = nn.Linear(HEARD, narrow)
        self.dropout = nn.Dropout(dropout)
        last = nn.Linear(width, CHUNK_FRAMES)
        frames = (BEFORE + CHUNK_FRAMES) * narrow
        self.decide = nn.Sequential(nn.Linear(frames, width), nn.GELU(), nn.Dropout(dropout), last)
        nn.init.constant_(last.bias, _RARE_ACCENT)

    def forward(self, encoded: Tensor) -> Tensor:
        """(B, 13, 128) -> (B, 5)."""
        logits: Tensor = self.decide(self.dropout(F.gelu(self.narrow(encoded))).flatten(1))
        return logits


class HandsHead(nn.Module):
    """Flags of both sides, encoded frames of the own, ages of the last events, whether hands are up -> hazards."""

    def __init__(self, width: int = 48, narrow: int = 24) -> None:
        super().__init__()
        self.first = nn.Conv1d(2 * FLAGS, width, 5)
        self.second = nn.Conv1d(width, width, 5, dilation=3)
        self.third = nn.Conv1d(width, width, 5, dilation=8)
        self.narrow = nn.Linear(HEARD, narrow)
        self.mix = nn.Conv1d(narrow, narrow, MIXED + 1)
        self.width = width + 4 * FLAGS + 2 * narrow + CHUNK_FRAMES  # of the memory
        seen = self.width + len(HALF_LIVES) * len(EVENTS) + 1 + len(STYLE)
        last = nn.Linear(96, len(EVENTS))
        self.decide = nn.Sequential(nn.Linear(seen, 96), nn.GELU(), nn.Dropout(0.1), last)
        nn.init.constant_(last.bias, _RARE_EVENT)

    def memory(self, flags: Tensor, encoded: Tensor) -> Tensor:
        """Flag probabilities (B, HISTORY + T, 12), own encoded (B, MIXED + T, 128), T whole chunks -> (B, T, width).

        Every frame of a chunk knows the chunk's last one: all are there when it is decided.
        """
        x = flags.transpose(1, 2)
        y = F.gelu(self.first(x))
        y = y[:, :, 12:] + F.gelu(self.second(y))
        y = (y[:, :, 32:] + F.gelu(self.third(y))).transpose(1, 2)
        own = F.gelu(self.narrow(encoded))
        mixed = F.gelu(self.mix(own.transpose(1, 2))).transpose(1, 2)
        now = flags[:, HISTORY:]
        where = torch.eye(CHUNK_FRAMES).repeat(now.shape[1] // CHUNK_FRAMES, 1).expand(len(now), -1, -1)
        return torch.cat([y, now, mixed, _last_of_chunk(own[:, MIXED:]), _last_of_chunk(now), where], dim=-1)

    def forward(self, memory: Tensor, since: Tensor, up: Tensor, style: Tensor) -> Tensor:
        """(..., width), frames since each event (..., 8), up (..., 1), style (..., 3) -> log odds (..., 8)."""
        ages = torch.cat([torch.exp(-since / life) for life in HALF_LIVES], dim=-1)
        odds: Tensor = self.decide(torch.cat([memory, ages, up, style], dim=-1))
        return odds


def _last_of_chunk(frames: Tensor) -> Tensor:
    """(B, T, C): each chunk's last frame in all its places."""
    chunks = frames.unflatten(1, (-1, CHUNK_FRAMES))
    last: Tensor = chunks[:, :, -1:].expand_as(chunks).flatten(1, 2)
    return last


class Heads(nn.Module):
    """Both, and how their odds are corrected: of voices never heard, hazards are too low, by a factor of each event."""

    odds: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.accent, self.hands = AccentAhead(), HandsHead()
        self.register_buffer("odds", torch.ones(len(EVENTS)))


def hearing_sha256(hearing: Hearing) -> str:
    """The hash of a hearing's weights, in the order of their names."""
    digest = hashlib.sha256()
    for name, value in sorted(hearing.state_dict().items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(value.detach().cpu().numpy()).tobytes())
    return digest.hexdigest()


def load_heads(path: Path) -> tuple[Heads, dict[str, str]]:
    """The heads of a file, and what its header says of them. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(f"{path}: the weights of gestures are missing; train them with avtr train gestures")
    try:
        with safe_open(path, "pt") as held:
            about = held.metadata() or {}
            if about.get("format") != FORMAT:
                raise WeightsError(f"{path}: not weights of gestures ({FORMAT})")
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise ValueError("some are no numbers")
        heads = Heads()
        heads.load_state_dict(tensors)
    except (SafetensorError, ValueError, RuntimeError, OSError) as error:
        raise WeightsError(f"{path}: the weights of gestures are damaged ({str(error).splitlines()[0]})") from error
    return heads.requires_grad_(False).eval(), about
