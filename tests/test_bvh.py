"""Motion as a BVH: read back by a small reader of its own, its joints are where the motion has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from avtr_cli.core.arms import MEAN_ARM, posed
from avtr_cli.core.errors import ConfigError, InputError, OutputError
from avtr_cli.core.motion_space import CONTROLS, FULL, KEYPOINTS
from avtr_cli.core.rotation import turn_matrix
from avtr_cli.jobs.motion_files import convert_motion
from avtr_cli.motion import bvh
from avtr_cli.motion.body.task import UP, within_reach
from avtr_cli.motion.body.to_body import to_body
from avtr_cli.motion.bvh import write_bvh
from avtr_cli.motion.file import load_motion, save_motion
from avtr_cli.render.gaussian.body_model import shipped_body
from avtr_cli.render.gaussian.fingers import fingers_of
from tests.test_body_motion import HOME, wrist

FLIP = np.array([1.0, -1.0, -1.0])
BENT = posed(replace(MEAN_ARM, upper=0.29, fore=0.22, palm=0.7, rest=np.array([-0.2, -0.5, 0.5, 40.0])))
ARMS = (MEAN_ARM, BENT)


def gesture(frames: int = 60) -> torch.Tensor:
    """float32 (T, 94): both hands about before the body, trunk, head and hips moving too."""
    rng = np.random.default_rng(4)
    ends = np.stack([[HOME + rng.normal(0, 0.2, 10) for _ in range(2)] for _ in range(2)])
    ends[1, :, UP] += 0.7
    share = np.linspace(0, 1, frames)[:, None, None]
    paths = ends[0] + share * (ends[1] - ends[0])
    arms = np.stack([[within_reach(one, 0.3) for one in pair] for pair in paths])
    torso = share[:, 0] * rng.normal(0, [4, 4, 4, 0.02, 3, 2, 1, 0.5, 0.5], (1, 9))
    controls = np.zeros((frames, len(CONTROLS)))
    controls[:, 52:55] = share[:, 0] * [0.2, -0.3, 0.1]
    return torch.tensor(np.concatenate([controls, to_body(arms, torso, ARMS)], axis=1)).float()


def read(path: Path) -> tuple[list[str], list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
    """Lines of the skeleton; of each frame the joints' places (3,) in m and turns (3, 3), in the file's axes."""
    lines = path.read_text("ascii").splitlines()
    motion = lines.index("MOTION")
    joints: list[tuple[str, int, np.ndarray, list[str]]] = []
    above, name = [-1], ""
    for line in lines[1:motion]:
        word, *rest = line.split()
        if word in ("ROOT", "JOINT", "End"):
            name = rest[0]
        elif word == "OFFSET":
            joints.append((name, above[-2], np.array(rest, float), []))
            above[-1] = len(joints) - 1
        elif word == "CHANNELS":
            assert int(rest[0]) == len(rest) - 1
            joints[-1][3].extend(rest[1:])
        elif word == "{":
            above.append(-1)
        else:
            above.pop()
    assert lines[motion + 1] == f"Frames: {len(lines) - motion - 3}"
    assert lines[motion + 2] == "Frame Time: 0.04"
    placed, turned = [], []
    for line in lines[motion + 3 :]:
        numbers = iter(line.split())
        places, turns = [], []
        for _, parent, offset, channels in joints:
            shift, turn = np.zeros(3), np.eye(3)
            for channel in channels:
                axis, number = "XYZ".index(channel[0]), float(next(numbers))
                if channel.endswith("position"):
                    shift[axis] = number
                else:
                    turn = turn @ turn_matrix(np.radians(number) * np.eye(3)[axis])
            if parent < 0:
                places.append(shift)
                turns.append(turn)
            else:
                places.append(places[parent] + turns[parent] @ (offset + shift))
                turns.append(turns[parent] @ turn)
        assert next(numbers, None) is None
        names = [one[0] for one in joints]
        placed.append(dict(zip(names, np.array(places) / 100, strict=True)))
        turned.append(dict(zip(names, turns, strict=True)))
    return lines[:motion], placed, turned


def test_wrists_and_head_are_where_the_motion_has_them(tmp_path: Path, monkeypatch):
    values = gesture()
    write_bvh(tmp_path / "m.bvh", values, ARMS)
    _, placed, turned = read(tmp_path / "m.bvh")
    assert len(placed) == len(values)
    furthest = 0.0
    for row, places, turns in zip(values.double().numpy(), placed, turned, strict=True):
        chest = turns["UpperChest"] * np.outer(FLIP, FLIP)
        for side, (name, arm) in enumerate(zip(("Left", "Right"), ARMS, strict=True)):
            seen = chest.T @ (FLIP * (places[f"{name}Hand"] - places[f"{name}Arm"]))
            mirror = [1, 1, 1] if side == 0 else [-1, 1, 1]
            wanted = wrist(row[66 + 14 * side :][:14], arm, side) * FLIP * arm.length * mirror
            furthest = max(furthest, float(np.abs(seen - wanted).max()))
        assert np.abs(turns["Head"] * np.outer(FLIP, FLIP) - turn_matrix(row[52:55])).max() < 1e-5
    assert furthest < 1e-5  # m
    whole = (tmp_path / "m.bvh").read_bytes()
    monkeypatch.setattr(bvh, "BLOCK", 7)
    write_bvh(tmp_path / "m.bvh", values, ARMS)
    assert (tmp_path / "m.bvh").read_bytes() == whole


def test_a_photo_s_pose_is_no_turn_and_sides_are_where_they_belong(tmp_path: Path):
    write_bvh(tmp_path / "m.bvh", torch.zeros(1, len(FULL)), ARMS)
    skeleton, [places], _ = read(tmp_path / "m.bvh")
    assert (tmp_path / "m.bvh").read_text().splitlines()[-1].split()[3:] == ["0.0000"] * 3 * (len(places) - 1)
    assert "ROOT Hips" in skeleton
    assert places["LeftHand"][0] > 0.1 > -0.02 > places["RightArm"][0]
    assert places["Head"][1] > places["Hips"][1] > places["LeftFoot"][1] > 0
    assert places["RightHand"][2] > places["RightArm"][2] + 0.1  # before the body


def test_shoulders_rise_in_a_shrug(tmp_path: Path):
    values = torch.zeros(2, len(FULL))
    for side in ("left", "right"):
        values[1, FULL.index(f"{side}Shrug")] = 1.0
    write_bvh(tmp_path / "m.bvh", values)
    _, (still, raised), _ = read(tmp_path / "m.bvh")
    for side in ("Left", "Right"):
        assert 0.03 < raised[f"{side}Arm"][1] - still[f"{side}Arm"][1] < 0.06


def test_a_head_moves_alone(tmp_path: Path):
    values = torch.zeros(4, len(CONTROLS))
    values[:, CONTROLS.index("headPitch")] = torch.linspace(0, 0.4, 4)
    save_motion(tmp_path / "m.safetensors", CONTROLS, values, 0)
    assert convert_motion(tmp_path / "m.safetensors", tmp_path / "M.BVH") == 4
    _, placed, turned = read(tmp_path / "M.BVH")
    assert all(np.allclose(frame["LeftHand"], placed[0]["LeftHand"]) for frame in placed)
    assert turned[3]["Head"] @ [0, 0, 1] == pytest.approx([0, -np.sin(0.4), np.cos(0.4)], abs=1e-5)  # nods down


def test_what_is_no_skeleton_is_one_sentence(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"m\.bvh.*keypoints.*\.safetensors"):
        write_bvh(tmp_path / "m.bvh", torch.zeros(5, len(KEYPOINTS)))
    assert not list(tmp_path.iterdir())
    write_bvh(tmp_path / "m.bvh", torch.zeros(1, len(CONTROLS)))
    with pytest.raises(InputError, match=r"skeleton's motion.*other programs.*safetensors"):
        load_motion(tmp_path / "m.bvh")
    with pytest.raises(OutputError, match="cannot be written"):
        write_bvh(tmp_path / "missing" / "m.bvh", torch.zeros(1, len(CONTROLS)))


def test_fingers_are_where_the_renderer_s_own_hand_has_them(tmp_path: Path):
    """Of the mean adult: the same channels, once through the renderer's bones, once through the file."""
    model = shipped_body()
    still = np.tile(np.eye(3), (len(model.bones), 1, 1))
    rng = np.random.default_rng(3)
    channels = np.concatenate([np.eye(4, 6), rng.uniform(0, 1, (6, 6)), np.zeros((1, 6))])
    values = torch.zeros(len(channels), len(FULL))
    for first in (66 + 8, 66 + 14 + 8):
        values[:, first : first + 6] = torch.from_numpy(channels).float()
    write_bvh(tmp_path / "m.bvh", values)
    _, placed, _ = read(tmp_path / "m.bvh")
    for letter, name in (("L", "Left"), ("R", "Right")):
        fingers = fingers_of(model, model.joints.astype(np.float64), still, letter)
        wrist = model.joints[0][model.bone(f"wrist.{letter}")]
        for row, places in zip(channels.astype(np.float32), placed, strict=True):
            wanted = still.copy()
            wanted[fingers.bones] = turn_matrix(fingers.turned(row[:4], row[4], row[5], 1.0))
            heads = model.posed(*map(torch.from_numpy, (model.joints[0].astype(np.float64), wanted, np.zeros(3))))[1]
            seen, there = [], []
            for number, finger in enumerate(("Thumb", "Index", "Middle", "Ring", "Pinky"), 1):
                for joint in (1, 2, 3):
                    there.append(heads[model.bone(f"finger{number}-{joint}.{letter}")].numpy() - wrist)
                    seen.append(places[f"{name}Hand{finger}{joint}"] - places[f"{name}Hand"])
            apart = [pdist(np.array(points)) for points in (seen, there)]  # whatever way the hand is turned
            assert np.abs(apart[0] - apart[1]).max() < 1e-3
            left = [np.linalg.det(np.array(points)[[1, 3, 12]]) > 0 for points in (seen, FLIP * there)]
            assert left[0] == left[1]


def test_a_hand_that_does_nothing_turns_no_finger_and_a_fist_bends_all(tmp_path: Path):
    values = torch.zeros(2, len(FULL))
    values[1, FULL.index("leftHandFist")] = 1.0
    write_bvh(tmp_path / "m.bvh", values, ARMS)
    _, (still, fist), (rest, _) = read(tmp_path / "m.bvh")
    assert all(np.allclose(turn, np.eye(3)) for turn in rest.values())
    for finger in ("Index", "Middle", "Ring", "Pinky"):
        tip, root = f"LeftHand{finger}3", f"LeftHand{finger}1"
        assert np.linalg.norm(fist[tip] - fist["LeftHand"]) < np.linalg.norm(still[tip] - still["LeftHand"]) - 0.03
        assert np.allclose(fist[root], still[root])
        assert np.allclose(fist[tip.replace("Left", "Right")], still[tip.replace("Left", "Right")])
