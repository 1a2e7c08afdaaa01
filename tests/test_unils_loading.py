"""Files of UniLS, its speech encoder and FLAME: taken as published, or refused in one sentence with nothing run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from avtr_cli.core.errors import InputError, WeightsError
from avtr_cli.motion import flame
from avtr_cli.motion.flame.codes import CODES, FlameMotion, load_codes, save_codes
from avtr_cli.motion.flame.landmarks import load_landmarks
from avtr_cli.motion.flame.lists import VertexLists, load_lists
from avtr_cli.motion.flame.pickles import arrays_of
from avtr_cli.motion.unils.checkpoint import load_network
from avtr_cli.motion.unils.config import DUAL_SMALL
from avtr_cli.motion.unils.speech import load_speech
from tests import made_flame, made_unils

CPU = torch.device("cpu")


class Hostile:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refused(load, path: Path, *words: str) -> None:
    with pytest.raises(WeightsError) as caught:
        load(path)
    said = str(caught.value)
    assert caught.value.exit_code == 4
    assert said.startswith(str(path))
    assert "\n" not in said
    assert len(said) < 420
    for word in words:
        assert word in said


@pytest.fixture
def checkpoint():
    return made_unils.checkpoint_of()


def saved(tmp_path: Path, held: object) -> Path:
    torch.save(held, tmp_path / "iter_1.pt")
    return tmp_path / "iter_1.pt"


def network(path: Path):
    return load_network(path, CPU)


def test_a_checkpoint_is_built_from_its_own_sizes(tmp_path, checkpoint):
    made = network(saved(tmp_path, checkpoint))
    assert made.config == made_unils.TINY
    for key, tensor in made.state_dict().items():
        torch.testing.assert_close(tensor, checkpoint["model"][key], rtol=0, atol=0)


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "module.net."])
@pytest.mark.parametrize("table", ["model", "state_dict", "model_state_dict", "net"])
def test_wrappers_and_a_speech_encoder_inside_are_passed_over(tmp_path, checkpoint, prefix, table):
    state = {prefix + key: tensor for key, tensor in checkpoint["model"].items()}
    state["audio_encoder.layer.weight"] = torch.zeros(3)
    assert network(saved(tmp_path, {table: state, "meta_cfg": checkpoint["meta_cfg"]})).config == made_unils.TINY


@pytest.mark.slow
def test_without_sizes_the_published_network_of_as_many_levels_is_meant(tmp_path):
    state = made_unils.build("dual-small").state_dict()
    state["base_codec.motion_std"] = torch.ones(108)
    assert network(saved(tmp_path, state)).config == DUAL_SMALL


def without(state: dict, *beginnings: str) -> dict:
    return {key: tensor for key, tensor in state.items() if not any(part in key for part in beginnings)}


def test_files_of_earlier_stages_say_which_is_needed(tmp_path, checkpoint):
    state = checkpoint["model"]
    codec = {key.removeprefix("base_codec."): tensor for key, tensor in state.items() if key.startswith("base_codec.")}
    checkpoint["model"] = codec
    refused(network, saved(tmp_path, checkpoint), "the codec alone", "the final file")
    checkpoint["model"] = without(state, "self_pos", "other_pos", "audio_attn")
    refused(network, saved(tmp_path, checkpoint), "the audio-free stage", "the final file")


def test_missing_unexpected_and_other_keys_are_named(tmp_path, checkpoint):
    state = dict(checkpoint["model"])
    checkpoint["model"] = without(state, "logits_head.1.bias") | {"lora_A.weight": torch.zeros(2)}
    refused(network, saved(tmp_path, checkpoint), "lacks logits_head.1.bias", "has besides lora_A.weight")
    checkpoint["model"] = state | {"logits_head.1.bias": torch.zeros(7)}
    refused(network, saved(tmp_path, checkpoint), "logits_head.1.bias is (7,), not (16,)")
    checkpoint["model"] = state | {"logits_head.1.bias": torch.full((16,), torch.nan)}
    refused(network, saved(tmp_path, checkpoint), "logits_head.1.bias", "NaN")
    for odd in (
        torch.zeros(16, dtype=torch.int64),
        torch.zeros(16, dtype=torch.complex64),
        torch.zeros(16).to_sparse(),
    ):
        checkpoint["model"] = state | {"logits_head.1.bias": odd}
        refused(network, saved(tmp_path, checkpoint), "logits_head.1.bias is torch.", "no numbers of weights")
    checkpoint["model"] = state | {"base_codec.motion_std": torch.zeros(108)}
    refused(network, saved(tmp_path, checkpoint), "motion_std is not above zero")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda meta: meta["MODEL"].update(AUDIO_ENCODER="mimi"), ("'mimi'", "wav2vec alone")),
        (lambda meta: meta["MODEL"].pop("T_DEPTH"), ("says no sizes", "T_DEPTH")),
        (lambda meta: meta["MODEL"].update(T_DEPTH=10**9), ("says no sizes",)),
        (lambda meta: meta["MODEL"].update(T_DEPTH="8"), ("says no sizes",)),
        (lambda meta: meta["MODEL"].update(T_NUM_HEAD=2), ("no such network",)),
        (lambda meta: meta["MODEL"]["VAE_CONFIG"].update(MOTION_DIM=54), ("no such network",)),
        (lambda meta: meta["MODEL"]["VAE_CONFIG"].update(V_PATCH_NUMS=[1, 25]), ("no such network",)),
        (lambda meta: meta["MODEL"]["VAE_CONFIG"].update(V_PATCH_NUMS=[1, 5, 50, 100]), ("lvl_embed", "is (3, 64)")),
        (lambda meta: meta.clear(), ("says no sizes",)),
    ],
)
def test_sizes_that_are_none_are_refused(tmp_path, checkpoint, change, words):
    change(checkpoint["meta_cfg"])
    refused(network, saved(tmp_path, checkpoint), *words)


def test_what_is_no_checkpoint_is_refused_and_nothing_in_it_is_run(tmp_path, checkpoint):
    path = saved(tmp_path, checkpoint)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:100], b"", b"no weights"):
        path.write_bytes(content)
        refused(network, path)
    checkpoint["meta_cfg"]["more"] = Hostile(tmp_path / "run")
    refused(network, saved(tmp_path, checkpoint), "holds more than tensors")
    assert not (tmp_path / "run").exists()
    refused(network, saved(tmp_path, [1, 2]), "no table of tensors")
    refused(network, saved(tmp_path, {"model": {}}), "no table of tensors")
    refused(network, tmp_path / "nothing.pt", "cannot be read")


@pytest.mark.parametrize("suffix", [".bin", ".safetensors"])
def test_the_speech_encoder_is_read_in_both_published_formats(tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    weights = made_unils.speech_weights(made_unils.speech_encoder(), "tiny")
    if suffix == ".bin":
        torch.save(weights, path)
    else:
        save_file(weights, path)
    assert load_speech(path, CPU)(torch.randn(1, 64_000)).shape == (1, 199, 1024)


def test_another_speech_encoder_is_refused(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    weights = made_unils.speech_weights(made_unils.speech_encoder(), "tiny")
    torch.save({key: tensor for key, tensor in weights.items() if "q_proj" not in key}, path)
    refused(lambda path: load_speech(path, CPU), path, "lacks encoder.transformer.layers.0.attention.q_proj.weight")
    narrow = made_unils.speech_encoder(width=128, groups=16, heads=2)
    torch.save(made_unils.speech_weights(narrow, "tiny"), path)
    refused(lambda path: load_speech(path, CPU), path, "128 wide")
    torch.save({"a": torch.zeros(1)}, path)
    refused(lambda path: load_speech(path, CPU), path, "not wav2vec2-xls-r-300m")


@pytest.fixture(scope="module")
def head() -> dict:
    return made_unils.head()


def small_pickle(**more: object) -> bytes:
    """A Python 2 pickle of two arrays, one of them chumpy's, and one sparse matrix."""
    return made_flame.as_python2_pickle(
        {"shapedirs": np.arange(6.0), "J_regressor": np.eye(3), "bs_style": "x", **more}
    )


def test_arrays_of_chumpy_and_scipy_come_out_of_a_python_2_pickle():
    held = arrays_of(small_pickle(v_template=np.arange(4, dtype=np.uint32)))
    assert set(held) == {"shapedirs", "J_regressor", "v_template"}
    np.testing.assert_array_equal(held["shapedirs"], np.arange(6.0))
    np.testing.assert_array_equal(held["J_regressor"], np.eye(3))
    assert held["v_template"].dtype == np.uint32


def test_arrays_that_python_3_pickled_are_read_too():
    for protocol in range(5):
        held = arrays_of(pickle.dumps({"f": np.arange(5), "one": np.float64(3)}, protocol))
        np.testing.assert_array_equal(held["f"], np.arange(5))


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch RUN'\ntR.",
        b'c__builtin__\neval\n(S\'open("RUN", "w")\'\ntR.',
        b"cbuiltins\ngetattr\n(cnumpy\nndarray\nS'tofile'\ntR.",
        b"cnumpy\nload\n(S'RUN'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    ],
)
def test_a_pickle_that_asks_for_more_is_refused_and_nothing_is_run(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(data)
    refused(flame.load, path, "not loaded")
    path.write_bytes(pickle.dumps({"f": np.zeros(3), "x": Hostile(tmp_path / "RUN")}))
    refused(flame.load, path, "not loaded")
    path.write_bytes(pickle.dumps({"f": np.array([Hostile(tmp_path / "RUN")], object)}))
    refused(flame.load, path, "not loaded")
    assert not (tmp_path / "RUN").exists()


@pytest.mark.slow
def test_every_format_of_the_head_gives_the_same_model(tmp_path, head):
    codes = np.random.default_rng(0).normal(0, 0.2, (2, CODES))
    np.savez(tmp_path / "generic_model.npz", **head)
    torch.save(
        {
            name: torch.from_numpy(array.astype(np.int64) if array.dtype == np.uint32 else array)
            for name, array in head.items()
        },
        tmp_path / "flame_2020.pt",
    )
    (tmp_path / "generic_model.pkl").write_bytes(made_flame.as_python2_pickle(head))
    made = [flame.vertices(flame.load(path), codes) for path in sorted(tmp_path.iterdir())]
    assert len(made) == 3
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("v_template", None, ("has no v_template",)),
        ("weights", np.zeros((5023, 4)), ("weights is float64 (5023, 4), not numbers (5023, 5)",)),
        ("weights", np.full((5023, 5), "x"), ("weights is <U1 (5023, 5), not numbers",)),
        ("weights", np.zeros((5023, 5), complex), ("weights is complex128",)),
        ("v_template", np.full((5023, 3), 1e300), ("v_template holds 1e+300, which is no head in metres",)),
        ("v_template", np.zeros((5023, 3)), ("its head is 0 m deep or wide",)),
        ("posedirs", np.zeros((5023, 3, 36)), ("its expressions move nothing",)),
        ("weights", np.full((5023, 5), np.inf), ("weights holds values that are no numbers",)),
        ("kintree_table", np.array([[9, 0, 0, 1, 1], [0, 1, 2, 3, 4]]), ("hang together",)),
        ("f", np.full((9976, 3), 5023), ("vertices that it has not",)),
    ],
)
def test_a_head_that_is_none_is_refused(tmp_path, head, name, array, words):
    held = {key: value for key, value in head.items() if key != name}
    if array is not None:
        held[name] = array
    held["shapedirs"] = np.broadcast_to(np.float32(0), (5023, 3, 400)) if array is not None else np.zeros(1)
    path = tmp_path / "generic_model.npz"
    np.savez_compressed(path, **held)
    refused(flame.load, path, *words)


def test_a_head_that_is_damaged_or_of_another_year_is_told(tmp_path, caplog):
    path = tmp_path / "flame2023.pkl"
    path.write_bytes(small_pickle()[:-40])
    refused(flame.load, path, "damaged, or no FLAME model")
    assert "2023" in caplog.text
    path.write_bytes(pickle.dumps([1]))
    refused(flame.load, path, "no table")
    refused(flame.load, tmp_path / "none.pkl", "cannot be read")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lmk_face_idx": np.full(3, 9976)}, "not in triangles"),
        ({"landmark_indices": np.array([1, 2, 478])}, "not in triangles"),
        ({"landmark_indices": np.array([1.0, 2, 3])}, "not in triangles"),
        ({"lmk_b_coords": np.zeros((3, 3))}, "do not add up to 1"),
        ({"lmk_b_coords": np.zeros((2, 3))}, "not in triangles"),
        ({"lmk_face_idx": None}, "damaged, or no landmark embedding"),
    ],
)
def test_a_landmark_embedding_that_is_none_is_refused(tmp_path, change, words):
    whole = {"lmk_face_idx": np.arange(3), "lmk_b_coords": np.eye(3), "landmark_indices": np.array([1, 2, 4])}
    path = tmp_path / "mediapipe_landmark_embedding.npz"
    np.savez(path, **whole)
    assert load_landmarks(path).weights.shape == (3, 3)
    np.savez(path, **{name: array for name, array in (whole | change).items() if array is not None})
    refused(load_landmarks, path, words)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.json", None, "cannot be read (No such file or directory)"),
        ("x.json", b"{", "damaged, or no lists of vertices"),
        ("x.json", b"[" * 9999, "damaged, or no lists of vertices"),
        ("x.json", b'{"lips": [1]}', "damaged, or no lists of vertices"),
        ("x.json", b'{"lips": [1], "upper": []}', "upper is no list of whole numbers"),
        ("x.json", b'{"lips": [1.5], "upper": [1]}', "lips is no list of whole numbers"),
        ("x.json", b'{"lips": [true], "upper": [1]}', "lips is no list of whole numbers"),
        ("x.json", b'{"lips": [5023], "upper": [1]}', "lips names vertices that FLAME has not, 0 to 5022"),
        ("x.npz", b"PK", "damaged, or no lists of vertices"),
        ("x.py", b"\xff\0(", "UniLS's list of lips and of upper vertices is not there"),
        ("x.py", b"open('RUN', 'w')\nLIPS = [1576, 1577, 1578]", "is not there; give a checkout of UniLS's code"),
        ("x.py", b"-" * 30_000 + b"1", "is not there"),
        ("big.py", b" " * (8 << 20) + b"1", "is not there"),
        ("folder", None, "is not there"),
    ],
)
def test_lists_of_vertices_that_are_none_are_refused_and_nothing_is_run(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif name == "folder":
        path.mkdir()
    refused(load_lists, path, words)
    assert not (tmp_path / "RUN").exists()


def test_lists_lie_in_an_npz_too(tmp_path):
    np.savez(tmp_path / "x.npz", lips=np.array([3, 3]), upper=np.array([[4], [5]], np.uint16))
    assert load_lists(tmp_path / "x.npz") == VertexLists((3, 3), (4, 5))
    np.savez(tmp_path / "x.npz", lips=np.array([3.0]), upper=np.array([4]))
    refused(load_lists, tmp_path / "x.npz", "lips is no list of whole numbers")


def clip(frames: int = 7) -> FlameMotion:
    return FlameMotion(np.random.default_rng(1).normal(0, 0.3, (frames, CODES)).astype(np.float32))


def test_a_motion_file_comes_back_bit_for_bit(tmp_path):
    path, motion = tmp_path / "x.flame.npz", clip()
    save_codes(path, motion)
    back = load_codes(path)
    np.testing.assert_array_equal(back.codes, motion.codes)
    assert not np.asarray(back.resting).any()  # ours rest at zero
    save_codes(path, FlameMotion(motion.codes, np.arange(CODES) / 10))
    np.testing.assert_allclose(load_codes(path).resting, np.arange(CODES) / 10, rtol=1e-6)


def test_a_clip_of_others_rests_at_its_own_median(tmp_path):
    path, motion = tmp_path / "x.npz", clip(9)
    save_codes(path, motion)
    with np.load(path) as table:
        held = {name: table[name] for name in table if name not in ("rest", "fps", "flame")}
    np.savez(path, **held)
    rest = load_codes(path).resting
    np.testing.assert_allclose(rest[:100], np.median(motion.codes[:, :100], 0), rtol=1e-6)
    assert not rest[100:104].any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"head": None}, "has no head"),
        ({"fps": np.int64(30)}, "30 frames a second"),
        ({"flame": np.str_("2023")}, "FLAME 2023"),
        ({"head": np.zeros((3, 3), np.float32)}, "head is float32 (3, 3)"),
        ({"jaw": np.zeros((7, 1), complex)}, "jaw is complex128"),
        ({"eyes": np.full((7, 4), np.nan)}, "eyes holds values that are no numbers"),
        ({"eyes": np.full((7, 4), 1e3)}, "eyes holds 1e+03"),
        ({"rest": np.zeros(3)}, "rest is float64 (3,)"),
        ({"expression": np.array(["a"])}, "expression is"),
    ],
)
def test_motion_that_is_none_is_refused_in_one_sentence(tmp_path, change, words):
    path = tmp_path / "x.npz"
    save_codes(path, clip())
    with np.load(path) as table:
        held = dict(table)
    np.savez(path, **{name: array for name, array in (held | change).items() if array is not None})
    with pytest.raises(InputError) as caught:
        load_codes(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="damaged"):
        load_codes(path)
