"""What this machine can do: every part is really used once, and what is missing comes with the way to get it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from avtr_cli import __version__
from avtr_cli.core import runtime
from avtr_cli.core.errors import AvtrError

OK, NOTE, FAIL = "ok", "note", "fail"
OLDEST_PYTHON = (3, 10)  # as in pyproject.toml
LITTLE_DISK, NO_DISK = 2 << 30, 256 << 20  # bytes free in the working folder: a warning, a failure
LITTLE_MEMORY = 1536 << 20  # bytes; a job at 512 px peaks below 1 GiB
DISTRIBUTION = "avtr-cli"


@dataclass(frozen=True)
class Check:
    """One thing looked at: `fail` means that avtr cannot render here, `note` that something optional is absent."""

    name: str
    state: str
    found: str
    fix: str = ""


def examine_machine() -> Iterator[Check]:
    """Every check in turn, most basic first; a check that breaks is a failure and not an end."""
    checks: list[Callable[[], Iterator[Check]]] = [
        _python, _torch, _devices, _drawing_loops, _ffmpeg, _face_finder, _embedded_model, _published_weights, _disk,
        _memory, _extras,
    ]  # fmt: skip
    for check in checks:
        try:
            yield from check()
        except Exception as error:
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield Check(check.__name__.strip("_").replace("_", " "), FAIL, said, _fix_of(error))


def _fix_of(error: Exception) -> str:
    """OpenCV needs libraries of the system, which no reinstallation of ours can bring."""
    if isinstance(error, ImportError) and re.search(r"lib(GL|EGL|gthread|glib|SM|ICE|X\w*)[-.\d]*\.so", str(error)):
        return "install it with the system: apt-get install libgl1 libglib2.0-0 (Debian, Ubuntu)"
    return _reinstall()


def _reinstall() -> str:
    return f"install avtr again: pip install --force-reinstall {DISTRIBUTION}"


def _python() -> Iterator[Check]:
    version = platform.python_version()
    fits = sys.version_info >= OLDEST_PYTHON
    fix = "" if fits else "use Python 3.10 or newer"
    yield Check("python", OK if fits else FAIL, f"{version}, avtr {__version__}, {platform.platform(terse=True)}", fix)


def _torch() -> Iterator[Check]:
    import torch

    product = torch.ones(8, 8) @ torch.ones(8, 8)
    assert float(product.sum()) == 512.0, "torch multiplies wrongly"
    if os.environ.get("OMP_WAIT_POLICY", "").upper() == "ACTIVE":
        fix = "unset OMP_WAIT_POLICY: spinning threads made rendering 3 to 15 times slower on shared cores"
        yield Check("torch", NOTE, f"{torch.__version__}, its waiting threads spin", fix)
    else:
        yield Check("torch", OK, torch.__version__)


def _devices() -> Iterator[Check]:
    import torch

    cpu = runtime.describe_device(torch.device("cpu"), "fp32", runtime.use_threads())
    yield Check("cpu", OK, f"{cpu['name']}, {cpu['cores']} cores usable, {cpu['threads']} for rendering")
    if not torch.cuda.is_available():
        built = torch.version.cuda
        reason = f"torch is built for CUDA {built} but finds no device" if built else "torch is built without CUDA"
        fix = "for a GPU install its driver and a CUDA build of torch (pytorch.org); the default preset needs none"
        yield Check("gpu", NOTE, reason, fix)
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        ones = torch.ones(8, 8, device=f"cuda:{index}")
        assert float((ones @ ones).sum()) == 512.0, f"cuda:{index} multiplies wrongly"
        yield Check("gpu", OK, f"cuda:{index} {properties.name}, {properties.total_memory / 2**30:.0f} GiB")


def _ffmpeg() -> Iterator[Check]:
    from avtr_cli.core import ffmpeg_program
    from avtr_cli.output import ffmpeg

    version = ffmpeg.capture(["-version"], "ffmpeg").decode(errors="replace").split("Copyright")[0]
    version = version.strip().removeprefix("ffmpeg version ")
    yield Check("ffmpeg", OK, f"{version} at {ffmpeg_program.executable()}")
    for encoder, what, needed in (
        ("libx264", "H.264 for .mp4", True),
        ("h264_nvenc", "H.264 on the GPU", False),
        ("libvpx-vp9", "VP9 with alpha for .webm", False),
        ("prores_ks", "ProRes 4444 for .mov", False),
    ):
        if ffmpeg.works(encoder):
            yield Check(f"encoder {encoder}", OK, f"works: {what}")
        elif needed:
            yield Check(f"encoder {encoder}", FAIL, f"does not work: {what}", "pip install --upgrade imageio-ffmpeg")
        else:
            fix = "needs an NVIDIA GPU with its driver; x264 is used instead" if "nvenc" in encoder else ""
            yield Check(f"encoder {encoder}", NOTE, f"not usable here: {what}", fix)


def _drawing_loops() -> Iterator[Check]:
    from avtr_cli.render.gaussian.splatting import Splatter
    from avtr_cli.render.mesh.compiled import Loops

    version = importlib.metadata.version("numba")
    try:
        folder = Loops(touched=True).folder
        Splatter(1, 1)
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        fix = f"frames are drawn by torch, at half the speed; {_reinstall()}"
        yield Check("drawing loops", NOTE, f"Numba {version} does not work here: {said}", fix)
        return
    if folder is None:
        fix = "some seconds a run; set XDG_CACHE_HOME or NUMBA_CACHE_DIR to a folder that can be written"
        yield Check("drawing loops", NOTE, f"Numba {version} compiles them, and cannot keep them", fix)
    else:
        yield Check("drawing loops", OK, f"compiled by Numba {version}, kept in {folder}")


def _face_finder() -> Iterator[Check]:
    from avtr_cli.core.shipped import shipped_folder
    from avtr_cli.perception.landmarks import find_faces
    from avtr_cli.perception.photo import decode_photo

    photo = shipped_folder("examples") / "portrait_drawn.png"
    faces = find_faces(decode_photo(photo.read_bytes(), photo))
    found = f"onnxruntime {importlib.metadata.version('onnxruntime')} finds"
    if len(faces) == 1:
        yield Check("face finder", OK, f"{found} the face of the example portrait")
    else:
        found = f"{found} {len(faces)} faces in the example portrait, which has one"
        yield Check("face finder", FAIL, found, _reinstall())


def _embedded_model() -> Iterator[Check]:
    from avtr_cli.motion.lmfm.checkpoint import SHIPPED, load_lmfm

    try:
        model, _ = load_lmfm(SHIPPED)
    except AvtrError as error:
        yield Check("embedded model", FAIL, str(error), _reinstall())
        return
    count = sum(parameter.numel() for parameter in model.parameters())
    yield Check("embedded model", OK, f"{count / 1e6:.1f} million weights, {SHIPPED.stat().st_size / 2**20:.1f} MiB")


def _published_weights() -> Iterator[Check]:
    from avtr_cli.weights.store import Store

    store = Store()
    for name in sorted({name for file in store.registry.files.values() for name in file.sets}):
        files = [file for file in store.registry.files.values() if name in file.sets]
        present = [(file, path) for file in files if (path := store.present(file))]
        broken = [f"{path}: {problem}" for file, path in present if (problem := store.wrong_size(file, path))]
        found = f"{len(present)} of {len(files)} files in {store.root}"
        if broken:
            yield Check(f"weights {name}", FAIL, "; ".join(broken), f"avtr weights pull {name}")
        elif all(file.optional or store.present(file) for file in files):
            yield Check(f"weights {name}", OK, found)
        else:
            who = "some measures need" if name == "eval" else "the published path needs"
            yield Check(f"weights {name}", NOTE, found, f"only {who} them: avtr weights pull {name}")


def _disk() -> Iterator[Check]:
    free = shutil.disk_usage(Path.cwd()).free
    state = OK if free >= LITTLE_DISK else NOTE if free >= NO_DISK else FAIL
    fix = "" if state == OK else "free some, or write elsewhere with -o; a minute of video at 512 px takes about 10 MiB"
    yield Check("disk", state, f"{free / 2**30:.1f} GiB free in {Path.cwd()}", fix)


def _memory() -> Iterator[Check]:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return  # only Linux says
    match = re.search(r"MemAvailable:\s+(\d+) kB", text)
    available = int(match.group(1)) << 10 if match else 0
    little = available < LITTLE_MEMORY
    fix = "close something, or use a smaller render.size and fewer --jobs" if little else ""
    yield Check("memory", NOTE if little else OK, f"{available / 2**30:.1f} GiB available", fix)


def _extras() -> Iterator[Check]:
    for extra, needs in _extra_requirements().items():
        missing = [name for name in needs if not _installed(name)]
        if not missing:
            yield Check(f"extra {extra}", OK, ", ".join(f"{n} {importlib.metadata.version(n)}" for n in needs))
        else:
            fix = f"pip install '{DISTRIBUTION}[{extra}]'"
            yield Check(f"extra {extra}", NOTE, f"not installed: {', '.join(missing)}", fix)


def _extra_requirements() -> dict[str, list[str]]:
    """Extra -> distributions, as our own package's metadata says; what only avtr's own tests use left out."""
    found: dict[str, list[str]] = {}
    for line in importlib.metadata.requires(DISTRIBUTION) or []:
        match = re.match(r"([A-Za-z0-9._-]+).*extra == ['\"]([a-z]+)['\"]", line)
        if match and match.group(2) not in ("dev", "judge"):
            found.setdefault(match.group(2), []).append(match.group(1))
    return found


def _installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
