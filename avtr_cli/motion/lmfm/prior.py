"""The audio-free prior: what the flows are told where nothing is heard, not even silence.

Stage 1 of training learns motion with both voices withheld, stage 2 withholds each in one window of ten, so that its
null embeddings stay in use. Told them, the flows move a face as faces move; no voice opens the mouth, and gestures
start as often as they do when nobody speaks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avtr_cli.core.timing import CHUNK_FRAMES, PAST_FRAMES
from avtr_cli.motion.lmfm import event_head, hearing
from avtr_cli.motion.lmfm.network import Lmfm
from avtr_cli.motion.lmfm.torch_backend import Heard

SURELY_NOT = -30.0  # logit of lips that close, and of a voice


def unheard(model: Lmfm, deaf: bool) -> Heard:
    """In place of what a chunk's sound says; the event head's memory twice where it also asks for no partner."""
    nothing = torch.zeros(2 if deaf else 1, event_head.HISTORY + CHUNK_FRAMES, 2 * hearing.FLAGS)
    with torch.no_grad():
        return Heard(
            encoded=nulls(model, CHUNK_FRAMES),
            flags=nothing[0, -CHUNK_FRAMES:],
            said=torch.full((CHUNK_FRAMES, 3), SURELY_NOT),
            memory=model.events.history_memory(nothing),
        )


def nulls(model: Lmfm, frames: int = PAST_FRAMES) -> Tensor:
    """Both sides' null embeddings, (2, frames, D)."""
    both = torch.stack([model.no_avatar.detach(), model.no_partner.detach()])
    return both[:, None].expand(2, frames, -1).clone()
