"""The three small perceptrons that correct keypoints: stitching, eye retargeting and lip retargeting.

What goes in and what the numbers mean is in `retarget.py`; published together in one file, here three networks.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

WIDTHS = {
    "stitching": (126, 128, 128, 64, 65),
    "eye": (66, 256, 256, 128, 128, 64, 63),
    "lip": (65, 128, 128, 64, 63),
}


class KeypointMlp(nn.Module):
    """Linear layers with ReLU between them, the last one plain: x (B, widths[0]) to (B, widths[-1])."""

    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """(B, numbers in) to (B, numbers out); which numbers, its user says."""
        delta: Tensor = self.mlp(x)
        return delta
