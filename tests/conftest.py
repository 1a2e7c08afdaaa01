"""What many tests share: quiet threads, a real photo, real-looking two-sided sound, one loaded engine."""

from __future__ import annotations

from avtr_cli.core import runtime

runtime.set_library_environment()  # before torch is imported by any test

import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
from collections import OrderedDict  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import soundfile  # noqa: E402
from hypothesis import settings  # noqa: E402

if TYPE_CHECKING:
    from avtr_cli.core.config import Preset
    from avtr_cli.motion.body.generator import WithBody
    from avtr_cli.motion.lmfm.generator import LmfmGenerator
    from avtr_cli.streaming.engine import Engine

ENGINES_KEPT = 4

# The same examples in every run, however slow the machine is: what fails here fails everywhere.
settings.register_profile("avtr", derandomize=True, deadline=None, database=None)
settings.load_profile("avtr")


def pytest_configure() -> None:
    """A shell makes what it runs in the background deaf to Ctrl-C, and with it every test of interruptions.

    A polite kill ends a run as Ctrl-C does: with the names and reasons of what had failed.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if "PYTEST_XDIST_WORKER" not in os.environ:
            signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def local_certificate(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Videos of the tests are signed with a certificate of the tests, not with the developer's."""
    os.environ["AVTR_IDENTITY"] = str(tmp_path_factory.mktemp("identity") / "identity.pem")


@pytest.fixture(scope="session", autouse=True)
def kept_avatars_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Avatars that a test or a command of a test prepares wait for the others, and are none of the developer's."""
    os.environ["AVTR_AVATARS"] = str(tmp_path_factory.getbasetemp() / "avatars")


@pytest.fixture(scope="module")
def compiled_loops() -> None:
    """Every loop whose module the tests have imported can be called: for those that call one by itself."""
    from avtr_cli.core.folders import cache_folder
    from avtr_cli.kernels import compiling

    compiling.load(cache_folder() / "kernels", lambda _: None)


@pytest.fixture(scope="session")
def head_generator() -> LmfmGenerator:
    """The embedded motion model, by its defaults."""
    from avtr_cli.core.config import MotionConfig
    from avtr_cli.motion.lmfm.generator import LmfmGenerator

    return LmfmGenerator(MotionConfig())


@pytest.fixture(scope="session")
def body_generator(head_generator: LmfmGenerator) -> WithBody:
    """The same, with arms and a trunk."""
    from avtr_cli.motion.body.generator import WithBody

    return WithBody(head_generator)


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public-domain photo of a real person, as a file."""
    import skimage.data
    import skimage.io

    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    skimage.io.imsave(path, skimage.data.astronaut(), check_contrast=False)
    return path


@pytest.fixture(scope="session")
def dialogue() -> np.ndarray:
    """10 s of two synthetic voices taking turns, float32 (2, n) at 16 kHz: buzz with formant-like bands and pauses."""
    random = np.random.default_rng(7)
    time = np.arange(160_000) / 16_000
    sides = []
    for pitch, first in ((120.0, 0), (210.0, 1)):
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))) / 16_000
        buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
        syllables = np.clip(np.sin(2 * np.pi * 4.2 * time + first), 0, 1)
        turn = (time // 2.5).astype(int) % 2 == first
        sides.append(0.12 * buzz * syllables * turn + 1e-4 * random.standard_normal(len(time)))
    return np.stack(sides).astype(np.float32)


@pytest.fixture(scope="session")
def wav(tmp_path_factory: pytest.TempPathFactory, dialogue: np.ndarray) -> Callable[..., Path]:
    """Writes the first seconds of `dialogue` as a two-channel file: `wav(2.0)`."""
    folder = tmp_path_factory.mktemp("sound")

    def make(seconds: float = 2.0, rate: int = 16_000) -> Path:
        path = folder / f"{seconds:g}s-{rate}.wav"
        if not path.exists():
            soundfile.write(path, dialogue[:, : round(seconds * 16_000)].T, rate)
        return path

    return make


@pytest.fixture(scope="session")
def engine():
    """The default preset at 256 px, loaded once."""
    from avtr_cli.core.config import load_preset
    from avtr_cli.streaming.engine import Engine

    return Engine(load_preset("default", ["render.size=256"]))


@pytest.fixture(scope="session")
def identity(engine, photo: Path):
    return engine.avatar(photo)[1]


@pytest.fixture(scope="session")
def kept_engines() -> Callable[[Preset], Engine]:
    """In place of `Engine(preset)`: one for every preset of the embedded models, with the avatars it has prepared.

    A second less for every command; that a command finds the face of its photo and loads its models is seen the first
    time, and in commands that run in processes of their own.
    """
    from avtr_cli.motion.table import GENERATORS
    from avtr_cli.render.table import RENDERERS
    from avtr_cli.streaming.engine import Engine

    kept: OrderedDict[str, Engine] = OrderedDict()

    def engine(preset: Preset) -> Engine:
        if (preset.motion.generator, preset.render.renderer) != ("lmfm", "mesh"):
            return Engine(preset)
        key = f"{preset!r} {RENDERERS['mesh']!r} {GENERATORS['lmfm']!r}"  # a test may put others in their place
        kept[key] = kept.pop(key, None) or Engine(preset)
        while len(kept) > ENGINES_KEPT:
            kept.popitem(last=False)
        return kept[key]

    return engine


@pytest.fixture
def avtr(monkeypatch, capsys, kept_engines):
    """Runs the command line in this process; returns (exit code, stdout, stderr)."""

    from avtr_cli import cli

    for module in ("jobs.preparation", "jobs.forecast"):
        monkeypatch.setattr(f"avtr_cli.{module}.Engine", kept_engines)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["avtr", *map(str, arguments)])
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        try:
            with pytest.raises(SystemExit) as left:
                cli.main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run
