"""Networks that look at pictures see what the published ones do; TorchScript, in a process of its own."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as tables
from skimage.data import astronaut

from avtr_cli.core.errors import WeightsError
from avtr_cli.evaluation.folder.points import face_marks
from avtr_cli.evaluation.frechet import Pool, gaussian
from avtr_cli.evaluation.networks import i3d, inception, sface
from avtr_cli.perception.landmarks import find_faces
from tests import made_up_judges
from tests.evaluation_goldens import arrays
from tests.test_syncnet import frames


@pytest.mark.slow
def test_inception_sees_what_the_published_network_does_under_the_same_keys(tmp_path):
    made_up_judges.write_inception(tmp_path / "net.pth")
    pictures = torch.from_numpy(frames("public/inception/pictures", 2, 256, 200).transpose(0, 3, 1, 2).copy())
    found, wanted = inception.load(tmp_path / "net.pth")(pictures), arrays("inception")
    assert found.shape == (2, 2048)
    error = np.abs(found.numpy()[:, ::16] - wanted["features"]).max()
    assert error <= 1e-4 * wanted["deviation"]


def test_pictures_are_enlarged_between_pixels_as_tensorflow_1_counted_them():
    ramp = torch.arange(4.0).reshape(1, 1, 1, 4).expand(1, 3, 4, 4)
    row = inception.enlarged(ramp)[0, 0, 0]
    assert row[0] == 0
    assert row[75].item() == pytest.approx(75 * 4 / 299)  # from the first pixel's place, not from its middle
    assert row[-1] == 3  # beyond the last pixel's place there is nothing to go to


@given(tables(np.float64, (7, 3), elements=st.floats(-100, 100)), st.integers(0, 7))
def test_frames_that_were_pooled_have_the_same_gaussian(rows, cut):
    one, other = Pool(3), Pool(3)
    one.add(rows[:cut])
    other.add(rows[cut:])
    one.merge(other)
    for found, wanted in zip(one.gaussian(), gaussian(rows), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-8)
    assert np.isnan(Pool(3).gaussian()[0]).all()


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory):
    path = tmp_path_factory.mktemp("sface") / "net.onnx"
    made_up_judges.write_sface(path)
    return sface.SFace(path)


def test_a_face_is_set_upright_before_it_is_recognised(recogniser):
    picture = astronaut()
    marks = face_marks(find_faces(picture)[0])
    upright = recogniser.aligned(picture, marks)
    assert upright.shape == (112, 112, 3)
    turned, there = np.rot90(picture, 1).copy(), np.stack([marks[:, 1], 511 - marks[:, 0]], 1)
    again = recogniser.aligned(turned, there)
    assert np.abs(again.astype(int) - upright).mean() < 2
    one, other = recogniser(picture, marks), recogniser(turned, there)
    assert np.linalg.norm(one) == pytest.approx(1)
    assert one @ other > 0.99
    wrong = recogniser(picture, marks + np.array([150, 100]))
    assert one @ wrong < one @ other


def test_files_that_are_no_such_networks_are_one_sentence(tmp_path):
    path = tmp_path / "net"
    path.write_bytes(b"nothing")
    for load in (sface.SFace, inception.load):
        with pytest.raises(WeightsError, match=r"net: .*`avtr weights pull eval/"):
            load(path)
    made_up_judges.write_sface(path, numbers=64)
    with pytest.raises(WeightsError, match="is not SFace"):
        sface.SFace(path)(astronaut(), np.array([[38.0, 52], [74, 52], [56, 72], [42, 92], [71, 92]]))


@pytest.mark.slow
def test_i3d_runs_in_a_process_of_its_own_that_only_numbers_come_back_from(tmp_path):
    path = tmp_path / "net.pt"
    made_up_judges.write_i3d(path)
    clip = frames("public/i3d/clip", 16, 224, 224)
    network = i3d.I3D(path)
    assert network._process.pid != os.getpid()
    x = torch.from_numpy(clip).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    wanted = made_up_judges._Moving()(x, rescale=False, resize=False, return_features=True)
    np.testing.assert_allclose(network.features(clip), wanted.detach().numpy()[0], atol=1e-5)
    np.testing.assert_array_equal(network.features(clip), network.features(clip))
    network.close()
    network.close()
    with pytest.raises(WeightsError, match=r"net\.pt: is not I3D as TorchScript: its process ended"):
        network.features(clip)


@pytest.mark.slow
def test_torchscript_that_is_another_network_or_none_is_one_sentence(tmp_path):
    (tmp_path / "damaged.pt").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"damaged\.pt: is not I3D as TorchScript: .*`avtr weights pull eval/i3d`"):
        i3d.I3D(tmp_path / "damaged.pt")
    with pytest.warns(DeprecationWarning, match="jit"):
        torch.jit.save(torch.jit.script(torch.nn.ReLU()), str(tmp_path / "other.pt"))
    network = i3d.I3D(tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other\.pt: is not I3D as TorchScript"):
        network.features(np.zeros((16, 224, 224, 3), np.uint8))
