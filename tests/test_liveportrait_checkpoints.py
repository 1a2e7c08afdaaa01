"""Published weight files of every layout load; files that cannot be used are named in one sentence."""

import os

import pytest
import torch
from liveportrait_goldens import network
from safetensors.torch import save_file

from avtr_cli.core.errors import WeightsError
from avtr_cli.diagnostics.made_up import numbers as made_up
from avtr_cli.render.liveportrait import checkpoints, networks

FLAT = "appearance_feature_extractor"


class Payload:
    """What a hostile file would run when it is unpickled."""

    def __reduce__(self):
        return os.system, ("true",)


def saved(value, path):
    torch.save(value, path)
    return path


@pytest.fixture
def flat(tmp_path):
    return saved(made_up.weights(FLAT), tmp_path / f"{FLAT}.pth")


def shared(**extra):
    entries = {
        entry: {f"module.{key}": value for key, value in made_up.weights(name).items()}
        for name, entry in checkpoints.SHARED_ENTRIES.items()
    }
    return entries | extra


def fails(call, path, *words):
    with pytest.raises(WeightsError) as caught:
        call()
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "avtr weights pull" in sentence
    assert "\n" not in sentence
    for word in words:
        assert word in sentence, sentence


def test_a_flat_file_loads_exactly(flat):
    state = checkpoints.read_network(flat, FLAT)
    assert list(state) == list(networks.layout(FLAT))
    for key, value in made_up.weights(FLAT).items():
        assert torch.equal(state[key], value)


def test_safetensors_in_half_precision_without_counters_load_too(tmp_path):
    half = {k: v.half() for k, v in made_up.weights(FLAT).items() if not k.endswith("num_batches_tracked")}
    save_file(half, tmp_path / "f.safetensors")
    state = checkpoints.read_network(tmp_path / "f.safetensors", FLAT)
    assert {key: (value.shape, value.dtype) for key, value in state.items()} == networks.layout(FLAT)


def test_the_shared_file_gives_three_networks_and_its_other_entries_are_ignored(tmp_path):
    path = saved(shared(optimizer={"step": torch.ones(3)}, epoch=7), tmp_path / "s.pth")
    states = checkpoints.read_shared(path)
    assert set(states) == {"stitching", "lip", "eye"}
    x = torch.randn(2, 126)
    assert torch.equal(networks.load("stitching", states["stitching"])(x=x), network("stitching")(x=x))


def test_the_shared_file_flattened_by_the_community_gives_the_same(tmp_path):
    flattened = {f"{entry}_{key}": value for entry, inner in shared().items() for key, value in inner.items()}
    save_file(flattened, tmp_path / "s.safetensors")
    states = checkpoints.read_shared(tmp_path / "s.safetensors")
    for name, state in states.items():
        for key, value in made_up.weights(name).items():
            assert torch.equal(state[key], value)


def test_a_shared_file_with_stitching_alone_is_enough(tmp_path):
    only = {"retarget_shoulder": made_up.weights("stitching")}
    assert set(checkpoints.read_shared(saved(only, tmp_path / "s.pth"))) == {"stitching"}


def test_an_absent_file_is_named(tmp_path):
    fails(lambda: checkpoints.read_network(tmp_path / "no.pth", FLAT), tmp_path / "no.pth", "cannot be read")


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "f.pth"
    path.touch()
    fails(lambda: checkpoints.read_network(path, FLAT), path, "empty")


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
def test_a_file_cut_short_is_named(flat, kept):
    flat.write_bytes(flat.read_bytes()[: int(flat.stat().st_size * kept)])
    fails(lambda: checkpoints.read_network(flat, FLAT), flat, "cut short")


def test_one_flipped_bit_is_noticed(flat):
    content = bytearray(flat.read_bytes())
    content[len(content) // 2] ^= 1
    flat.write_bytes(content)
    fails(lambda: checkpoints.read_network(flat, FLAT), flat, "damaged")


def test_a_web_page_instead_of_weights_is_named(tmp_path):
    path = tmp_path / "f.pth"
    path.write_text("<!DOCTYPE html><html><body>Sign in</body></html>")
    fails(lambda: checkpoints.read_network(path, FLAT), path)


def test_a_git_lfs_pointer_is_recognised(tmp_path):
    path = tmp_path / "f.pth"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    fails(lambda: checkpoints.read_network(path, FLAT), path, "Git LFS pointer")


def test_a_file_that_would_run_code_is_refused(tmp_path):
    path = saved({"first.conv.weight": Payload()}, tmp_path / "f.pth")
    fails(lambda: checkpoints.read_network(path, FLAT), path, "more than tensors")


@pytest.mark.slow
def test_swapped_files_are_recognised(tmp_path):
    path = saved(made_up.weights("eye"), tmp_path / "f.pth")
    fails(lambda: checkpoints.read_network(path, FLAT), path, "holds eye", "swapped")


def test_a_wrong_shape_is_named(tmp_path):
    state = made_up.weights(FLAT)
    state["second.bias"] = torch.zeros(3)
    path = saved(state, tmp_path / "f.pth")
    fails(lambda: checkpoints.read_network(path, FLAT), path, "second.bias", "(3,)", "(512,)")


def test_missing_and_unknown_keys_are_named(tmp_path):
    state = made_up.weights(FLAT)
    bias = state.pop("second.bias")
    path = saved(state, tmp_path / "f.pth")
    fails(lambda: checkpoints.read_network(path, FLAT), path, "lacks second.bias")
    path = saved(state | {"second.bias": bias, "second.extra": bias}, tmp_path / "g.pth")
    fails(lambda: checkpoints.read_network(path, FLAT), path, "unknown second.extra")


def test_values_that_are_no_numbers_are_noticed(tmp_path):
    state = made_up.weights(FLAT)
    state["second.bias"][5] = float("nan")
    path = saved(state, tmp_path / "f.pth")
    fails(lambda: checkpoints.read_network(path, FLAT), path, "second.bias", "damaged")


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, {"retarget_mouth": {}}, {"retarget_shoulder": {"module.x": 1}}])
def test_a_file_of_something_else_is_named(tmp_path, value):
    path = saved(value, tmp_path / "f.pth")
    fails(lambda: checkpoints.read_network(path, FLAT), path)
    fails(lambda: checkpoints.read_shared(path), path)
