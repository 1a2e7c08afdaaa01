"""The published models' weights, made up: every file that a preset renders with in its format, in a store of its own.

LivePortrait's networks follow the weight rule (diagnostics/made_up/numbers.py), so a rendered picture is the same
everywhere; the others come from archive.py and onnx_files.py. Records say "made up", so no licence is asked for and
`avtr weights verify` tells them from the published files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from avtr_cli.core.errors import WeightsError
from avtr_cli.core.files import replacing
from avtr_cli.diagnostics.made_up import numbers as made_up
from avtr_cli.diagnostics.made_up.archive import write_archive
from avtr_cli.weights.store import MADE_UP, Record, Store, default_root, sha256_of

SHARED = {"retarget_shoulder": "stitching", "retarget_mouth": "lip", "retarget_eye": "eye"}
BASE = ("appearance_feature_extractor", "motion_extractor", "warping_module", "spade_generator")


def write_set(root: Path, small: bool = False, optional: bool = True) -> Store:
    """Write what is missing of the set below `root` and return its store; about 2 GB, 0.6 GB when `small`.

    `small` keeps LivePortrait's networks (their sizes are published) and shrinks HuBERT and the motion model.
    `optional` files (landmark, matting) may be left out. Raises WeightsError where the package onnx is missing.
    """
    try:
        from avtr_cli.diagnostics.made_up import onnx_files
    except ImportError:
        raise WeightsError(
            "making up ONNX files needs the package onnx; install it with `pip install 'avtr-cli[neural]'`"
        ) from None
    makers: dict[str, Callable[[Path], None]] = {
        "avtr1/motion": lambda path: write_archive(path, layers=1 if small else 8),
        "avtr1/hubert": lambda path: onnx_files.write_hubert(path, onnx_files.SMALL if small else None),
        "avtr1/modnet": onnx_files.write_modnet,
        "liveportrait/stitching_retargeting_module": _write_shared,
        "liveportrait/landmark": onnx_files.write_landmark,
        **{f"liveportrait/{name}": partial(_write_base, name) for name in BASE},
    }
    store = Store(root)
    for name, make in makers.items():
        file = store.registry.files[name]
        path = store.target(file)
        if store.present(file) or (file.optional and not optional):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial_file:
            make(partial_file)
        store.note(path, Record(sha256=sha256_of(path), size=path.stat().st_size, source=MADE_UP))
    return store


def use_made_up() -> Store:
    """Make this process use the whole made-up set instead of published weights; written once per machine.

    It lies in `made-up` beside the weights folder and is about 2 GB; AVTR_WEIGHTS then names it.
    """
    root = default_root().with_name("made-up")
    os.environ["AVTR_WEIGHTS"] = str(root)
    return write_set(root)


def _write_base(network: str, path: Path) -> None:
    torch.save(made_up.weights(network), path)


def _write_shared(path: Path) -> None:
    """Three networks in one file, keys prefixed, with an entry that nobody asked for, as the published one has."""
    entries = {
        entry: {f"module.{key}": tensor for key, tensor in made_up.weights(network).items()}
        for entry, network in SHARED.items()
    }
    torch.save(entries | {"retarget_nothing": {"module.mlp.0.weight": torch.zeros(3, 3)}}, path)
