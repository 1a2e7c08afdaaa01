"""Sound into feature rows: log-mel, four 10 ms rows stacked per video frame.

Row j of frame f covers samples 640 f + 160 j - 160 ... + 240, so the rows of a window's frames never reach
past its last sample, and a frame's features are the same whether the whole file or one window is at hand.
Offset and scale are fixed: a running level would make them depend on what was heard before.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avtr_cli.audio.torchaudio_cpu import torchaudio
from avtr_cli.core.timing import NEW_FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME, TAIL_FRAMES

MELS = 80
ROWS_PER_FRAME = 4
FEATURES = MELS * ROWS_PER_FRAME  # 320 numbers per frame and side
_HOP = SAMPLES_PER_FRAME // ROWS_PER_FRAME  # 160: 10 ms
_LENGTH = 400  # 25 ms
_LEAD = 160  # samples before a frame that its first row covers
_TAIL = 80  # samples after a frame that its last row covers
_FLOOR = 1e-5  # mel power; log of it is -11.5, below the clip
_OFFSET, _SCALE, _CLIP = 5.0, 3.0, 4.0  # clip((log mel + 5) / 3, -4, 4)

SILENCE = max(-_CLIP, float((torch.log(torch.tensor(_FLOOR)) + _OFFSET) / _SCALE))
"""The value of every feature in digital silence."""


class LogMel:
    """float32 samples (..., n) at 16 kHz -> (..., frames, 320)."""

    def __init__(self) -> None:
        self._window = torch.hann_window(_LENGTH)
        bank = torchaudio.functional.melscale_fbanks(
            512 // 2 + 1, f_min=40.0, f_max=7600.0, n_mels=MELS, sample_rate=SAMPLE_RATE, norm=None, mel_scale="htk"
        )
        self._bank = bank / bank.sum(0, keepdim=True).clamp_min(1e-3)

    def __call__(self, samples: Tensor, frames: int, first_sample: int) -> Tensor:
        """Features of `frames` frames, of which the first begins at `first_sample`; silence where no sample is."""
        start = first_sample - _LEAD
        stop = first_sample + frames * SAMPLES_PER_FRAME + _TAIL
        held = samples[..., max(start, 0) : stop]
        missing = (max(0, -start), stop - max(start, 0) - held.shape[-1])
        if any(missing):
            held = torch.nn.functional.pad(held, missing)
        rows = held.unfold(-1, _LENGTH, _HOP) * self._window
        power = torch.fft.rfft(rows, 512).abs().square()
        logs = torch.log((power @ self._bank).clamp_min(_FLOOR))
        scaled = ((logs + _OFFSET) / _SCALE).clamp(-_CLIP, _CLIP)
        return scaled.reshape(*scaled.shape[:-2], frames, FEATURES)

    def of_file(self, samples: Tensor) -> Tensor:
        """All frames of whole signals (..., n)."""
        return self(samples, -(-samples.shape[-1] // SAMPLES_PER_FRAME), 0)

    def of_window(self, samples: Tensor) -> Tensor:
        """The 10 frames of a session's window (..., 8400) that begin with the chunk."""
        return self(samples, NEW_FRAMES, TAIL_FRAMES * SAMPLES_PER_FRAME)
