"""Gaussians as the PLY files that viewers of 3D Gaussians read, and back.

The layout is that of Kerbl et al. 2023: binary, float32, colour as the constant term of spherical harmonics, opacity
as a logit, standard deviations as logarithms, a quaternion w x y z. Axes stay: x right, y down, z away, as COLMAP's.
A comment in the header says who made it, by which a later sequence knows what it may remove.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avtr_cli.core.arrays import AnyArray, Floats
from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.core.files import reason, replacing
from avtr_cli.render.gaussian.gaussians import Gaussians, axes_of_rotations, rotations_of

_MEANS, _NORMALS = ("x", "y", "z"), ("nx", "ny", "nz")
_COLOURS = ("f_dc_0", "f_dc_1", "f_dc_2")
_SCALES, _ROTATION = ("scale_0", "scale_1", "scale_2"), ("rot_0", "rot_1", "rot_2", "rot_3")
COLUMNS = (*_MEANS, *_NORMALS, *_COLOURS, "opacity", *_SCALES, *_ROTATION)
"""A Gaussian in a file: 17 numbers, 68 bytes."""

MADE_BY = "comment made by avtr from one photo: a likeness, not a recording"
_CONSTANT = 0.28209479177387814  # the spherical harmonic of degree 0, sqrt(1 / 4 pi)
_SURE = 1e-6  # an opacity is at least so far from 0 and 1, whose logits have no end
_LEAST_SCALE = 1e-7  # metres
_HEADER_BYTES = 1 << 16
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2", "ushort": "<u2",
    "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4", "float": "<f4", "float32": "<f4",
    "double": "<f8", "float64": "<f8",
}  # fmt: skip


def write_ply(path: Path, gaussians: Gaussians) -> None:
    """Write all, in their order; whole or not at all. Raises OutputError."""
    quaternions, scales = rotations_of(gaussians.axes)
    opacities = np.clip(gaussians.opacities.astype(np.float64), _SURE, 1 - _SURE)
    rows = np.column_stack([
        gaussians.means, np.zeros_like(gaussians.means), (gaussians.colours - 0.5) / _CONSTANT,
        np.log(opacities / (1 - opacities)), np.log(np.maximum(scales, _LEAST_SCALE)), quaternions,
    ])  # fmt: skip
    lines = ["ply", "format binary_little_endian 1.0", MADE_BY, f"element vertex {len(gaussians)}"]
    lines += [f"property float {name}" for name in COLUMNS]
    header = "\n".join([*lines, "end_header\n"])
    try:
        with replacing(path) as partial:
            partial.write_bytes(header.encode("ascii") + rows.astype("<f4").tobytes())
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


def made_here(path: Path) -> bool:
    """Whether `write_ply` wrote it."""
    try:
        with path.open("rb") as file:
            return MADE_BY.encode("ascii") in file.read(_HEADER_BYTES).partition(b"end_header\n")[0].splitlines()
    except OSError:
        return False


def read_ply(path: Path) -> Gaussians:
    """The Gaussians of a file, in its order; harmonics above the constant term, which tell shine, are left out.

    Raises InputError for what is no such file.
    """
    table = _table(path)
    means, harmonics = _columns(table, _MEANS), _columns(table, _COLOURS)
    with np.errstate(over="ignore"):  # a file may say anything: what comes out infinite is not drawn
        scales = np.exp(_columns(table, _SCALES).astype(np.float64))
        opacities = 1 / (1 + np.exp(-table["opacity"].astype(np.float64)))
        axes = axes_of_rotations(_columns(table, _ROTATION), scales)
    colours = np.maximum(0.5 + _CONSTANT * harmonics, 0)
    return Gaussians(*(np.ascontiguousarray(a, np.float32) for a in (means, axes, opacities, colours)))


def _table(path: Path) -> AnyArray:
    """The vertices, one record each."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)})") from error
    head, found, _ = data[:_HEADER_BYTES].partition(b"end_header\n")
    lines = [line.split() for line in head.decode("ascii", "replace").splitlines()]
    if not found or lines[0] != ["ply"]:
        raise InputError(f"{path}: this is no PLY file; give one that holds 3D Gaussians")
    if ["format", "binary_little_endian", "1.0"] not in lines:
        raise InputError(f"{path}: this PLY file is not binary_little_endian, as those of 3D Gaussians are; convert it")
    elements = [number for number, line in enumerate(lines) if line[:1] == ["element"]]
    properties = lines[elements[0] + 1 : elements[1] if len(elements) > 1 else None] if elements else []
    names = {line[-1]: line[1:-1] for line in properties if line[:1] == ["property"]}
    if missing := [name for name in COLUMNS if name not in (*names, *_NORMALS)]:
        raise InputError(f"{path}: this PLY file holds no 3D Gaussians; it lacks {', '.join(missing)}")
    try:
        count = _count(lines[elements[0]])
        layout = np.dtype([(name, _TYPES[" ".join(kind)]) for name, kind in names.items()])
    except (KeyError, ValueError, IndexError):
        raise InputError(f"{path}: the header of this PLY file cannot be understood; export it anew") from None
    start = len(head) + len(found)
    if len(data) - start < count * layout.itemsize:
        raise InputError(f"{path}: this PLY file is cut off; copy it again")
    return np.frombuffer(data, layout, count, start)


def _count(line: list[str]) -> int:
    """Of `element vertex 12`. Raises ValueError and IndexError."""
    if line[1] != "vertex" or not line[2].isdecimal():
        raise ValueError(line)
    return int(line[2])


def _columns(table: AnyArray, names: tuple[str, ...]) -> Floats:
    return np.column_stack([table[name].astype(np.float32) for name in names])
