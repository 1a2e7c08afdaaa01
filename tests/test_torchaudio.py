"""torchaudio's Python part is usable beside any build of torch, and only one module lets it in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOM = Path(__file__).parent.parent / "avtr_cli"


def test_what_we_use_of_torchaudio_works_beside_this_torch():
    from avtr_cli.audio.torchaudio_cpu import torchaudio

    bank = torchaudio.functional.melscale_fbanks(257, 40.0, 7600.0, 80, 16_000)
    assert bank.shape == (257, 80)
    assert (bank.sum(0) > 0).all()
    halved = torchaudio.functional.resample(torch.sin(torch.arange(3200) * 0.1), 32_000, 16_000)
    assert halved.shape == (1600,)


@pytest.mark.slow
def test_a_broken_compiled_part_is_replaced_by_a_stand_in_that_names_what_needs_it():
    """In a fresh process whose shared libraries cannot be loaded, as with a CUDA wheel beside a CPU torch."""
    program = """
import sys, torch
def refuse(path): raise OSError("libc10_cuda.so: cannot open shared object file")
torch.ops.load_library = refuse
from avtr_cli.audio.torchaudio_cpu import torchaudio
extension = sys.modules["torchaudio._extension"]
assert extension._IS_TORCHAUDIO_EXT_AVAILABLE is False
torchaudio.functional.melscale_fbanks(257, 40.0, 7600.0, 80, 16_000)
try:
    torchaudio.functional.forced_align(torch.zeros(1, 4, 3), torch.ones(1, 2, dtype=torch.int32))
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    assert "forced_align needs it" in done.stdout


def test_nothing_else_imports_torchaudio_directly():
    direct = [
        path.relative_to(ROOM)
        for path in ROOM.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith(("import torchaudio", "from torchaudio"))
    ]
    assert direct == []


def test_a_second_load_is_the_same_module():
    from avtr_cli.audio import torchaudio_cpu

    assert torchaudio_cpu.load() is torchaudio_cpu.torchaudio


@pytest.mark.parametrize("samples", [640, 6400, 16_001])
def test_features_have_a_row_for_every_frame_and_nothing_for_silence(samples):
    from avtr_cli.motion.lmfm.log_mel import FEATURES, SILENCE, LogMel

    features = LogMel().of_file(torch.zeros(2, samples))
    assert features.shape == (2, -(-samples // 640), FEATURES)
    assert torch.allclose(features, torch.full_like(features, SILENCE), atol=1e-5)
