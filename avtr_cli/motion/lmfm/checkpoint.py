"""The embedded model's weights as a file: safetensors with its sizes and training told in the header."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.shipped import asset
from avtr_cli.motion.lmfm.network import Lmfm, LmfmShape

SHIPPED = asset("lmfm.safetensors")
FORMAT = "avtr-lmfm-1"


def load_lmfm(path: Path) -> tuple[Lmfm, dict[str, str]]:
    """The network of a checkpoint and what its header says of it. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(f"{path}: the motion model's weights are missing; train them with avtr train dyadic")
    try:
        with safe_open(path, "pt") as held:
            about = held.metadata() or {}
            if about.get("format") != FORMAT:
                raise WeightsError(f"{path}: not a checkpoint of the embedded motion model ({FORMAT})")
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise ValueError("some are no numbers")
        sizes = LmfmShape(**{key: int(about[key]) for key in LmfmShape().as_strings()})
        model = Lmfm(sizes)
        own = model.state_dict()
        if any(name in own and tensor.shape != own[name].shape for name, tensor in tensors.items()):
            raise WeightsError(f"{path}: weights of another version of the embedded motion model; train them anew")
        model.load_state_dict(tensors)
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        raise WeightsError(f"{path}: the motion model's weights are damaged ({str(error).splitlines()[0]})") from error
    return model.requires_grad_(False).eval(), about
