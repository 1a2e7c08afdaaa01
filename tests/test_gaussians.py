"""Gaussians as a value, and as a file: what goes out comes back and looks the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avtr_cli.core.errors import InputError, OutputError
from avtr_cli.render.gaussian.gaussians import Gaussians, axes_of_covariances, axes_of_rotations, rotations_of
from avtr_cli.render.gaussian.ply import COLUMNS, read_ply, write_ply
from avtr_cli.render.gaussian.splatting import Splatter
from tests.gaussians import camera, cloud


def covariances(axes: np.ndarray) -> np.ndarray:
    return axes.astype(float) @ axes.astype(float).transpose(0, 2, 1)


@given(st.integers(0, 999), st.floats(1e-3, 1e3))
def test_a_rotation_of_any_length_turns_the_same(seed: int, length: float):
    random = np.random.default_rng(seed)
    turns, scales = random.normal(size=(5, 4)), random.uniform(0, 2, (5, 3))
    axes = axes_of_rotations(turns * length, scales)
    assert np.allclose(axes, axes_of_rotations(turns, scales), atol=1e-6)
    assert np.allclose(np.sqrt((axes.astype(float) ** 2).sum(axis=1)), scales, atol=1e-6)


def test_a_quarter_turn_about_y_leads_z_to_x():
    half = np.sqrt(0.5)
    axes = axes_of_rotations(np.array([[half, 0, half, 0]]), np.array([[1, 2, 3]]))
    assert np.allclose(axes[0], [[0, 0, 3], [0, 2, 0], [-1, 0, 0]], atol=1e-6)


@given(st.integers(0, 999), st.sampled_from([0, 1, 2, 3]))
def test_covariances_and_rotations_come_back_flat_ones_too(seed: int, extents: int):
    random = np.random.default_rng(seed)
    axes = random.normal(size=(8, 3, 3))
    axes[:, :, extents:] = 0
    wanted = covariances(axes)
    assert np.allclose(covariances(axes_of_covariances(wanted)), wanted, atol=1e-4)
    quaternions, scales = rotations_of(axes)
    assert np.allclose(np.linalg.norm(quaternions, axis=1), 1)
    assert np.allclose(covariances(axes_of_rotations(quaternions, scales)), wanted, atol=1e-5)


def test_half_turns_have_a_quaternion():
    turns = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0.6, 0.8, 0], [0, 0.6, 0, 0.8]])
    axes = axes_of_rotations(turns, np.tile([1.0, 3.0, 2.0], (6, 1)))
    quaternions, scales = rotations_of(axes)
    assert np.allclose(scales, (3, 2, 1))
    assert np.allclose(covariances(axes_of_rotations(quaternions, scales)), covariances(axes), atol=1e-5)


@pytest.mark.parametrize("spoil", ["dtype", "shape", "order"])
def test_arrays_that_the_loops_cannot_read_are_no_gaussians(spoil: str):
    good = cloud(4)
    spoiled = {
        "dtype": good.means.astype(np.float64), "shape": good.means[:3], "order": np.asfortranarray(good.means)
    }  # fmt: skip
    with pytest.raises(AssertionError):
        replace(good, means=spoiled[spoil])


def picture(gaussians: Gaussians) -> np.ndarray:
    splatter = Splatter(40, 48)
    splatter.splat(gaussians, camera())
    return splatter.drawn


@pytest.mark.parametrize("n", [0, 1, 300])
def test_a_file_looks_as_what_was_written_and_has_the_columns_that_viewers_read(tmp_path: Path, n: int):
    path, again = tmp_path / "a.ply", tmp_path / "b.ply"
    asked = cloud(n)
    write_ply(path, asked)
    write_ply(again, asked)
    assert path.read_bytes() == again.read_bytes()
    header, _, body = path.read_bytes().partition(b"end_header\n")
    assert len(body) == 68 * n
    assert header.decode().split("property float ")[1:] == [f"{name}\n" for name in COLUMNS]
    back = read_ply(path)
    assert np.array_equal(back.means, asked.means)
    assert np.allclose(back.opacities, asked.opacities, atol=2e-6)
    assert np.allclose(back.colours, asked.colours, atol=1e-6)
    assert np.abs(picture(back) - picture(asked)).max() < 1.05 / 255
    write_ply(again, back)
    assert np.abs(picture(read_ply(again)) - picture(back)).max() < 1.05 / 255


def test_a_file_of_another_program_may_hold_more(tmp_path: Path):
    path, asked = tmp_path / "a.ply", cloud(5)
    write_ply(path, asked)
    header, _, body = path.read_bytes().partition(b"end_header\n")
    rows = np.frombuffer(body, "<f4").reshape(5, 17)
    wider = np.zeros(5, [("all", "<f4", 17), ("f_rest_0", "<f8"), ("label", "u1")])
    wider["all"] = rows
    header += (
        b"property double f_rest_0\nproperty uchar label\nelement face 0\nproperty list uchar int vertex_indices\n"
    )
    path.write_bytes(header + b"end_header\n" + wider.tobytes())
    assert np.array_equal(picture(read_ply(path)), picture(gaussians_of(tmp_path, asked)))


def gaussians_of(folder: Path, gaussians: Gaussians) -> Gaussians:
    write_ply(folder / "plain.ply", gaussians)
    return read_ply(folder / "plain.ply")


HEADER = "ply\nformat binary_little_endian 1.0\nelement vertex {}\n" + "".join(f"property float {c}\n" for c in COLUMNS)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "this is no PLY file"),
        (b"\x89PNG" * 9000, "this is no PLY file"),
        (HEADER.format(2).replace("binary_little_endian", "ascii").encode(), "not binary_little_endian"),
        (HEADER.format(2).replace("property float opacity\n", "").encode(), "it lacks opacity"),
        (b"ply\nformat binary_little_endian 1.0\n", "it lacks x, y, z, f_dc_0"),
        (HEADER.format("many").encode(), "cannot be understood"),
        (HEADER.format(2).replace("float rot_0", "list uchar rot_0").encode(), "cannot be understood"),
        (HEADER.format(-1).encode(), "cannot be understood"),
        (HEADER.format(1).replace("vertex", "face").encode(), "cannot be understood"),
        (HEADER.format(2).encode(), "cut off"),
    ],
)
def test_what_is_no_file_of_gaussians_is_refused_with_its_name(tmp_path: Path, data: bytes, said: str):
    path = tmp_path / "odd.ply"
    path.write_bytes(data + (b"end_header\n" if data.startswith(b"ply") else b"") + bytes(68))
    with pytest.raises(InputError, match=rf"odd\.ply: .*{said}"):
        read_ply(path)


def test_a_file_that_is_not_there_or_cannot_be_is_told(tmp_path: Path):
    with pytest.raises(InputError, match="there is no such file"):
        read_ply(tmp_path / "none.ply")
    with pytest.raises(InputError, match="cannot be read"):
        read_ply(tmp_path)
    with pytest.raises(OutputError, match=r"a\.ply: cannot be written"):
        write_ply(tmp_path / "none" / "a.ply", cloud(1))
