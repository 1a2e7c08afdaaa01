"""One batch of windows into the losses that train the LMFM: flow matching on both tracks, and labels for hearing.

All 25 chunks of a window are trained at once: chunk by chunk the network sees the clean (slightly noised) past
and its own noisy frames, exactly as in streaming (tests/test_motion_streaming.py holds the two together).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avtr_cli.core.timing import CHUNK_FRAMES
from avtr_cli.motion import flow
from avtr_cli.motion.gestures import EVENTS
from avtr_cli.motion.lmfm import event_head, hearing
from avtr_cli.motion.lmfm.articulation import MOUTH
from avtr_cli.motion.lmfm.log_mel import SILENCE
from avtr_cli.motion.lmfm.network import NOISE_CORRELATION, NOISE_LIMIT, NOISE_SD, Conditions, Lmfm, Track
from avtr_cli.training import phones
from avtr_cli.training.dataset import UNKNOWN_VISEME, Corpus, features_ahead
from avtr_cli.training.perturb import perturb

LATEST_TIME = 0.98  # of the flow: at 1 the Gaussian skip of a still channel has no finite slope
_UNHEARD = 40  # frames of a window whose listening history is cut off; the event head is not judged there
_UNKNOWN = -100  # a viseme that teaches nothing: a vowel of foreign speech, for vowels differ between languages
_OWN_PAST = 0.75  # of the windows remember the mouth as it was guessed, not as it was
_SETTLE_MOUTH, _SETTLE_FACE = 0.35, 0.3  # noise on the past: z-units; first innovations


@dataclass(frozen=True)
class Dropout:
    """How often each condition is withheld, so that guidance can do without it."""

    avatar: float = 0.10
    partner: float = 0.10
    person: float = 0.12
    past: float = 0.05


AUDIO_FREE = Dropout(avatar=1.0, partner=1.0)


@dataclass(frozen=True)
class Weights:
    """How much each loss counts."""

    mouth: float = 1.0
    face: float = 0.5
    guess: float = 0.6
    visemes: float = 2.0
    closures: float = 1.5
    activity: float = 0.6
    flags: float = 0.6
    events: float = 4.0
    gaze: float = 0.05


def hear(model: Lmfm, features: Tensor) -> tuple[Tensor, hearing.Articulation, Tensor]:
    """Features (B, 2, T + 5, 320) of windows before which nothing was heard.

    Returns encoded (B, 2, T, D), the articulation of the avatar's side, flag logits (B, 2, T, 6).
    """
    encoded, said = model.hearing(F.pad(features, (0, 0, hearing.HISTORY, 0), value=SILENCE))
    silence = model.hearing.of_silence()[:, None].expand(len(features), 2, hearing.FLAG_HISTORY, -1)
    flags = model.hearing.flags(torch.cat([silence, encoded], dim=2).flatten(0, 1))
    return encoded, said, flags.unflatten(0, (-1, 2))


@torch.no_grad()
def heard_corpus(model: Lmfm, corpus: Corpus, seed: int) -> Corpus:
    """The corpus as a hearing that is taught nothing more hears it, once and for all.

    Instead of features its arrays hold `encoded` float16 (calls, 2, T, D) and `heard_flags` (calls, 2, T, 6); every
    call is perturbed once (`perturb`).
    """
    held = dict(corpus.arrays)
    features = held.pop("features")
    generator = torch.Generator().manual_seed(seed)
    encoded, flags = [], []
    for call in features:
        frames = call.shape[1]
        rows = torch.from_numpy(features_ahead(call, frames))
        said, _, logits = hear(model, perturb(rows[None], generator))
        encoded.append(said[0].numpy().astype(np.float16))
        flags.append(logits[0].sigmoid().numpy().astype(np.float16))
    return Corpus({**held, "encoded": np.stack(encoded), "heard_flags": np.stack(flags)}, corpus.licences)


def losses(
    model: Lmfm,
    batch: dict[str, Tensor],
    dropout: Dropout,
    generator: torch.Generator,
    tracks: bool = True,
) -> dict[str, Tensor]:
    """Every loss by name, unweighted; the keys of `batch` are those of `dataset.Corpus.batch`.

    Without `tracks` the two flows are left out, which are three quarters of the work. A batch that says what was heard
    (`heard_corpus`) teaches the hearing nothing.
    """
    count, frames = batch["mouth"].shape[:2]
    device = batch["mouth"].device

    def drop(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, generator=generator) < share).to(device)

    deaf = dropout.avatar >= 1 and dropout.partner >= 1
    out: dict[str, Tensor] = {}
    if "encoded" in batch:
        encoded, heard_flags = batch["encoded"], batch["heard_flags"]
    elif deaf:
        encoded = torch.zeros(count, 2, frames, model.shape.width, device=device)
        heard_flags = torch.zeros(count, 2, frames, hearing.FLAGS, device=device)
    else:
        encoded, said, flag_logits = hear(model, batch["features"])
        heard_flags = flag_logits.sigmoid()
        out |= _label_losses(said, flag_logits, batch)

    no_avatar, no_partner, no_person = drop(dropout.avatar), drop(dropout.partner), drop(dropout.person)
    avatar = torch.where(no_avatar, model.no_avatar, encoded[:, 0])
    partner = torch.where(no_partner, model.no_partner, encoded[:, 1])
    flags = torch.cat([heard_flags[:, 0] * ~no_avatar, heard_flags[:, 1] * ~no_partner], dim=-1)
    person = torch.where(no_person, model.no_person, batch["person"].unsqueeze(1).expand(-1, frames, -1))
    given = model.conditions(avatar, partner, flags, batch["curves"], person)
    mean, scale = (part.float() for part in model.guess_mouth(given))
    out["guess"] = _guess_loss(model.mouth_to_z(batch["mouth"]), mean, scale, taught(batch))
    out |= _event_losses(model, batch, flags.detach(), person)
    if tracks:
        hidden_past = bool(torch.rand((), generator=generator) < dropout.past)  # for the whole batch: it is cheaper
        guess = (mean.detach(), scale.detach())
        own_past = 0.0 if deaf else _OWN_PAST
        out["mouth"] = _mouth_loss(model, batch, given, guess, hidden_past, own_past, generator)
        out["face"] = _face_loss(model, batch, given, hidden_past, generator)
    return out


def _label_losses(said: hearing.Articulation, flags: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    vowels = torch.isin(batch["visemes"], batch["visemes"].new_tensor(phones.VOWEL_VISEMES))
    known = batch["visemes"].masked_fill(vowels & (batch["foreign"] > 0)[:, None, None], _UNKNOWN)
    known = known.masked_fill(known == UNKNOWN_VISEME, _UNKNOWN)
    return {
        "visemes": _viseme_loss(said.visemes.flatten(0, -2).float(), known.flatten()),
        "closures": _told(said.closures.float(), batch["closures"], batch.get("closures_known")),
        "activity": F.binary_cross_entropy_with_logits(said.activity.float(), batch["activity"]),
        "flags": F.binary_cross_entropy_with_logits(flags[:, :, 20:].float(), batch["flags"][:, :, 20:]),
    }


def _viseme_loss(logits: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy over the frames whose viseme is known; of none, nothing."""
    if not (known != _UNKNOWN).any():
        return logits.sum() * 0
    return F.cross_entropy(logits, known, ignore_index=_UNKNOWN)


def _told(logits: Tensor, wanted: Tensor, known: Tensor | None) -> Tensor:
    """Binary cross-entropy of (B, T, C) over the channels that are told at all: `known` (B, C), 1 where they are."""
    if known is None:
        return F.binary_cross_entropy_with_logits(logits, wanted)
    weight = known.unsqueeze(1).expand_as(wanted)
    loss = F.binary_cross_entropy_with_logits(logits, wanted, weight, reduction="sum")
    return loss / weight.sum().clamp(min=1)


def _times(count: int, frames: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """One flow time a chunk, uniform, (B, T)."""
    t = torch.rand(count, frames // CHUNK_FRAMES, generator=generator) * LATEST_TIME
    return t.repeat_interleave(CHUNK_FRAMES, dim=1).to(device)


def before(rows: Tensor) -> Tensor:
    """The frame before each of (B, T, C); the first counts as its own."""
    return torch.cat([rows[:, :1], rows[:, :-1]], dim=1)


def track_bias(track: Track, frames: int, hidden_past: bool) -> Tensor:
    """The attention bias of a whole window (heads, T, 2 T), with nothing of the past to be seen if it is hidden."""
    bias = track.bias(0, frames, 0, frames)
    if hidden_past:
        bias = torch.cat([torch.full_like(bias[..., :frames], float("-inf")), bias[..., frames:]], dim=-1)
    return bias


def taught(batch: dict[str, Tensor]) -> Tensor:
    """What counts in the mouth of each window, (B, 1, 7): what was measured, but for the rounding of foreign speech.

    English rounds its u far in front, where other languages have vowels that are not rounded.
    """
    foreign = batch["foreign"]
    rounding = torch.tensor([name in ("funnel", "pucker") for name in MOUTH], device=foreign.device)
    counts = 1 - foreign[:, None, None] * rounding
    return counts if "mouth_known" not in batch else counts * batch["mouth_known"][:, None]


def _guess_loss(z: Tensor, mean: Tensor, scale: Tensor, counts: Tensor) -> Tensor:
    """Squared error of the mean, and a little of the Gaussian likelihood, which alone sets the scale."""
    off = (z - mean.detach()) / scale
    return (counts * (mean - z).square()).mean() + 0.1 * (counts * (0.5 * off.square() + scale.log())).mean()


def _mouth_loss(
    model: Lmfm,
    batch: dict[str, Tensor],
    given: Conditions,
    guess: tuple[Tensor, Tensor],
    hidden_past: bool,
    own_past: float,
    generator: torch.Generator,
) -> Tensor:
    z = model.mouth_to_z(batch["mouth"])
    count, frames, channels = z.shape
    uniform = torch.rand(count, frames, channels, generator=generator)
    noise = flow.ar1_noise(uniform, None, NOISE_CORRELATION, NOISE_LIMIT).to(z)
    past = remembered(z, guess[0], own_past, generator)
    t = _times(count, frames, generator, z.device)
    x = torch.lerp(noise, z, t.unsqueeze(-1))
    skip = flow.gaussian_skip(x, t.unsqueeze(-1), *guess, NOISE_SD)
    track = model.mouth_track
    memories = track.past_memory(past, before(past), given.avatar)
    velocity = skip + track(
        x,
        track.sound_tokens(given.avatar),
        track.modulations(t, given.person),
        memories,
        track_bias(track, frames, hidden_past),
    )
    loss: Tensor = (taught(batch) * (velocity - (z - noise)).square()).mean()
    return loss


def remembered(true: Tensor, guessed: Tensor, own: float, generator: torch.Generator) -> Tensor:
    """The mouth's past as training shows it, (B, T, 7) in z-units: a share `own` of the windows as it was guessed.

    A true past tells what was not heard: a mouth that learned to trust it goes on with its own mistakes when it
    streams (the exposure bias of Bengio et al. 2015). The other windows lie between truth and guess; all are noised.
    """
    shake = torch.rand(len(true), 1, 1, generator=generator) * _SETTLE_MOUTH
    towards = (torch.rand(len(true), 1, 1, generator=generator) / (1 - own)).clamp(max=1) * (own > 0)
    return torch.lerp(true, guessed, towards.to(true)) + (torch.randn(true.shape, generator=generator) * shake).to(true)


def _face_loss(
    model: Lmfm, batch: dict[str, Tensor], given: Conditions, hidden_past: bool, generator: torch.Generator
) -> Tensor:
    centre = model.face_centre(batch["person"]).unsqueeze(1)
    z, lead = (batch["face"] - centre) / model.face_sd, (batch["lead"] - centre) / model.face_sd
    count, frames = z.shape[:2]
    innovations = model.innovations
    whole = torch.cat([lead, z], dim=1)
    chunks = z.unflatten(1, (-1, CHUNK_FRAMES))
    last = whole[:, :frames].unfold(1, 4, CHUNK_FRAMES).transpose(2, 3)  # the 4 frames before each chunk
    with torch.autocast(z.device.type, enabled=False):
        codes = innovations.encode(chunks, last).flatten(1, 2).clamp(-6, 6)
    noise = torch.randn(codes.shape, generator=generator).to(z)
    t = _times(count, frames, generator, z.device)
    x = torch.lerp(noise, codes, t.unsqueeze(-1))
    scale = model.scale_face(given.person).float()
    skip = flow.gaussian_skip(x, t.unsqueeze(-1), torch.zeros_like(x), scale.detach(), 1.0)
    track = model.face_track
    first_innovation = innovations.colour[:, 0].square().sum(-1).sqrt()
    past = z + torch.randn(z.shape, generator=generator).to(z) * _SETTLE_FACE * first_innovation
    memories = track.past_memory(past, before(past), given.fused)
    velocity = skip + track(
        x,
        track.sound_tokens(given.fused),
        track.modulations(t, given.person),
        memories,
        track_bias(track, frames, hidden_past),
    )
    off, spread = (velocity - (codes - noise)).square(), 0.5 * (codes / scale).square() + scale.log()
    if "face_known" in batch:
        counts = batch["face_known"][:, None]
        off, spread = counts * off, counts * spread
    loss: Tensor = off.mean() + 0.1 * spread.mean()
    return loss


def _event_losses(model: Lmfm, batch: dict[str, Tensor], flags: Tensor, person: Tensor) -> dict[str, Tensor]:
    memory = model.events.history_memory(F.pad(flags, (0, 0, event_head.HISTORY, 0)))
    hazards, gaze = (part.float() for part in model.events(memory, batch["since"], person))
    starts = batch["starts"]
    begun = starts[:, _UNHEARD:, list(EVENTS).index("gaze")] > 0
    cells = batch["gaze_cell"][:, _UNHEARD:][begun]
    looked = F.cross_entropy(gaze[:, _UNHEARD:][begun], cells) if len(cells) else gaze.sum() * 0
    return {
        "events": _told(hazards[:, _UNHEARD:], starts[:, _UNHEARD:], batch.get("events_known")),
        "gaze": looked,
    }


def total(parts: dict[str, Tensor], weights: Weights) -> Tensor:
    """The weighted sum of the losses, a scalar tensor."""
    return torch.stack([getattr(weights, name) * value for name, value in parts.items()]).sum()
