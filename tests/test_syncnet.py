"""SyncNet: coefficients, crops, tracks, scores and the network itself, to their golden values on made-up weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from avtr_cli.diagnostics.made_up.numbers import stream
from avtr_cli.evaluation import syncnet
from tests import made_up_judges
from tests.evaluation_goldens import arrays, results


def frames(label: str, count: int, height: int, width: int, block: int = 16) -> np.ndarray:
    shape = (count, -(-height // block), -(-width // block), 3)
    coarse = stream(f"{label}:coarse", math.prod(shape)).reshape(shape).repeat(block, 1).repeat(block, 2)
    fine = stream(label, count * height * width * 3).reshape(count, height, width, 3)
    return np.clip(np.floor(127 + 45 * coarse[:, :height, :width] + 15 * fine), 0, 255).astype(np.uint8)


def sound(label: str, count: int) -> np.ndarray:
    coarse = np.abs(stream(f"{label}:coarse", -(-count // 640)))
    coarse[6::7] = 0
    return np.clip(np.floor(2500 * coarse.repeat(640)[:count] * stream(label, count)), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize(("name", "size"), [("a", 16333), ("short", 300), ("one", 400)])
def test_coefficients_are_the_references(name, size):
    found = syncnet.mfcc(sound(f"public/mfcc/{name}", size))
    np.testing.assert_allclose(found, arrays("syncnet")[f"mfcc/{name}/out"], atol=1e-6)


def test_silence_has_coefficients_too():
    np.testing.assert_allclose(syncnet.mfcc(np.zeros(1600, np.int16)), arrays("syncnet")["mfcc/silence/out"], atol=1e-6)


def test_a_sound_four_frames_late_is_found_so():
    table = syncnet.distances(arrays("syncnet")["formula/video"], arrays("syncnet")["formula/audio"])
    found = syncnet.scores(table)
    np.testing.assert_allclose(table.mean(0), arrays("syncnet")["formula/mean_distances"], rtol=1e-6)
    assert found["offset"] == -4
    np.testing.assert_allclose([found["sync_d"], found["sync_c"]], arrays("syncnet")["formula/result"][1:], rtol=1e-6)


def test_crops_lie_where_the_reference_cuts_them_and_beyond_the_picture_too():
    boxes = arrays("syncnet")["crop/boxes"]
    found = syncnet.crops(frames("public/crop/video", len(boxes), 180, 240), boxes).astype(float)
    assert np.abs(found[:, ::16, ::16] - arrays("syncnet")["crop/sample"]).max() <= 1
    assert np.abs(found.reshape(len(boxes), -1, 3).mean(1) - arrays("syncnet")["crop/mean"]).max() <= 1


def test_faces_are_followed_over_gaps_and_small_or_short_ones_left_out():
    wanted = results("syncnet_tracks")
    found = syncnet.tracks(wanted["detections"])
    assert [(first, first + len(boxes) - 1) for first, boxes in found] == [
        (one["first"], one["last"]) for one in wanted["tracks"]
    ]
    for (_, boxes), one in zip(found, wanted["tracks"], strict=True):
        np.testing.assert_allclose(boxes[::10], one["bbox_every_10"], atol=1e-6)


@pytest.mark.slow
def test_the_network_computes_what_the_reference_does_under_the_same_keys():
    net, keys = syncnet.build(), results("syncnet_keys")
    own = {key: list(value.shape) for key, value in net.state_dict().items() if "num_batches" not in key}
    assert own == keys
    net.load_state_dict(made_up_judges.syncnet(), strict=False)
    pictures = frames("public/net/video", 10, 224, 224).reshape(2, 5, 224, 224, 3).transpose(0, 4, 1, 2, 3)
    heard = 6 * stream("public/net/audio", 780).reshape(3, 1, 13, 20)
    with torch.inference_mode():
        found = {
            "net/lip/out": net.lips(torch.from_numpy(np.ascontiguousarray(pictures)).float()),
            "net/audio/out": net.audio(torch.from_numpy(heard).float()),
        }
    for name, value in found.items():
        wanted = arrays("syncnet")[name]
        assert np.abs(value.numpy() - wanted).max() <= 1e-4 * wanted.std()


def test_a_video_too_short_for_a_window_has_no_vectors():
    seen, heard = syncnet.embed(syncnet.build(), np.zeros((5, 224, 224, 3), np.uint8), np.zeros(3200, np.int16))
    assert seen.shape == heard.shape == (0, 1024)


def test_vectors_as_they_come_leave_the_caller_s_torch_as_it_was():
    class Net:
        lips = audio = staticmethod(lambda x: x.flatten(1)[:, :4])

    seen = syncnet.seen_in(Net(), iter(np.zeros((8, 224, 224, 3), np.uint8)), 3)
    heard = syncnet.heard_in(Net(), syncnet.Columns(iter([np.zeros(16_000, np.int16)])), 3)
    assert len(next(seen)) == len(next(heard)) == 3
    assert not torch.is_inference_mode_enabled()
