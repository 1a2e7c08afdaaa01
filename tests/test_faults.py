"""Jobs whose disk fills, fails or that are killed, at moments chosen by lot; all moments: `python -m tests.faults`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.__main__ import material
from tests.faults.pairs import race
from tests.faults.trial import KINDS, Server, Trial, build_shim

SEED = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def shim(folder) -> Path:
    library = build_shim(folder)
    if library is None:
        pytest.skip("faults are put in by a library that needs Linux and a C compiler")
    return library


@pytest.fixture(scope="module")
def given(folder) -> tuple[Path, Path]:
    return material(folder)


@pytest.fixture(scope="module")
def server(shim, given) -> Iterator[Server]:
    with Server(shim, given[0]) as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def trial(request, server, given, folder) -> Trial:
    return Trial(server, request.param, *given, folder)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "kill"])
def test_whatever_change_fails_nothing_is_lost_and_the_rerun_gives_the_same_frames(trial, error):
    chance = random.Random(f"{SEED} {trial.kind} {error}")
    result = trial.disturb(chance.randint(1, trial.changes), error)
    assert result.wrong == [], result


@pytest.mark.slow
def test_two_runs_on_one_output_end_with_one_whole_video_and_one_reason(server, given, folder):
    chance = random.Random(SEED)
    for _ in range(2):
        assert race(server, *given, folder / "pair", chance) == []
