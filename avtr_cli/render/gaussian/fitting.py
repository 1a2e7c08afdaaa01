"""What is seen of a person into the shape and the pose of the parametric body: a fit by gradient descent.

The camera is a pinhole of a usual lens, since one body hardly tells its focal length. Errors in the picture are counted
in `unit`, about the torso's length, and robustly: e^2 / (1 + e^2 / c). MediaPipe's points lie beside some joints, by
offsets measured on a picture of the mean body. Its points in metres lean, so standing people are told to be upright.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avtr_cli.core.arrays import Doubles, Floats
from avtr_cli.core.rotation import matrix_of
from avtr_cli.perception.body import ANKLES, HIPS, SeenBody
from avtr_cli.render.gaussian.body_model import COMPONENTS, BodyModel
from avtr_cli.render.gaussian.finger_limits import FingerLimits
from avtr_cli.render.gaussian.freedoms import FACE_POINTS, FAINT, JUDGED, LIMB, POSE_POINTS, SEGMENTS, TORSO
from avtr_cli.render.gaussian.hand_size import with_own_hands

FOCAL = 1.35  # of the picture's longer side
STEPS, EASED, LAST = 210, 90, 168  # in all; from when the steps are shorter, and shorter still
RATE, SHORTER, SHORTEST = 0.05, 0.4, 0.3
HANDS_FROM, HANDS_OVER = 30, 60  # steps: hands are led to their points once the arms are there
SURELY = 0.5  # visibility squared of a point by which a fit is judged
LARGEST, LARGEST_LOCAL = 2.5, 1.0  # of the shape's numbers


@dataclass(frozen=True)
class Lens:
    """The camera that took the photo: focal length and centre, px of the picture, pixel centres whole numbers."""

    focal: float
    x: float
    y: float

    def project(self, points: Doubles | Floats) -> Floats:
        """(..., 3) metres -> float32 (..., 2) px."""
        middle = np.array([self.x, self.y], np.float32)
        projected: Floats = (self.focal * points[..., :2] / points[..., 2:] + middle).astype(np.float32)
        return projected


@dataclass(frozen=True)
class BodyFit:
    """A person: `shape` (S,), `turns` float64 (J, 3, 3) of the bones and `shift` (3,) m as `BodyModel.posed` has them.

    body_error, face_error  mean distance of what was seen from where the fit has it, in units; NaN where nothing was
    """

    shape: Doubles
    turns: Doubles
    shift: Doubles
    lens: Lens
    body_error: float
    face_error: float


def lens_of(width: int, height: int) -> Lens:
    """A usual lens for a picture of that size, px."""
    return Lens(FOCAL * max(width, height), (width - 1) / 2, (height - 1) / 2)


def fit_body(model: BodyModel, seen: SeenBody) -> BodyFit:
    """The body that looks as what is seen: some seconds, the same bits every time."""
    height, width = seen.matte.shape
    task = _Task(model, seen, lens_of(width, height))
    unknown = task.start()
    descent = torch.optim.Adam([{"params": [value]} for value in unknown], lr=RATE)
    for step in range(STEPS):
        if step in (EASED, LAST):
            for group in descent.param_groups:
                group["lr"] *= SHORTER if step == EASED else SHORTEST
        descent.zero_grad()
        task.loss(*unknown, step).backward()
        descent.step()
        with torch.no_grad():
            unknown[2][:COMPONENTS].clamp_(-LARGEST, LARGEST)
            unknown[2][COMPONENTS:].clamp_(-LARGEST_LOCAL, LARGEST_LOCAL)
    return task.result(*unknown)


def _robust(error: Tensor, limit: float) -> Tensor:
    return error / (1 + error / limit)


def _square(value: Tensor) -> Tensor:
    return value * value


def _tensor(values: object) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


class _Task:
    """What stays the same in every step."""

    def __init__(self, model: BodyModel, seen: SeenBody, lens: Lens):
        self.model, self.seen, self.lens = model, seen, lens
        self.joints, self.joint_changes = _tensor(model.joints), _tensor(model.joint_changes)
        self._freedoms()
        self._pose_points()
        self._face_points()
        self._hand_points()

    def _freedoms(self) -> None:
        sided = [
            (f"{name}.{side}", tuple(f"{bone}.{side}" for bone in bones), shares, dear)
            for side in "LR"
            for name, bones, shares, dear in LIMB
        ]
        freedoms = (*TORSO, *sided)
        self.names = [name for name, *_ in freedoms]
        self.shares = torch.zeros(len(self.model.bones), len(freedoms))
        for number, (_, bones, shares, _) in enumerate(freedoms):
            for bone, share in zip(bones, shares, strict=True):
                self.shares[self.model.bone(bone), number] = share
        dear = 0.02 * _tensor([weight for *_, weight in freedoms])
        for side, knee in (("L", 25), ("R", 26)):
            if side not in self.seen.hands:  # then wrist and fingers are left as they are at rest
                hand = [name.endswith(f".{side}") and name.startswith(("wrist", "finger")) for name in self.names]
                dear[torch.tensor(hand)] += 0.3
            if not self.seen.sees(knee):
                dear[[self.names.index(f"hip.{side}"), self.names.index(f"knee.{side}")]] += 0.5
        self.dear = dear

    def _pose_points(self) -> None:
        """The points of both sides: what carries them, where they lie, where they are seen and how surely."""
        pose, (height, width) = self.seen.pose, self.seen.matte.shape
        rows = [
            (number + right, f"{bone}{_side(bone, right)}", f"{joint}.{'LR'[right]}", (-x if right else x, y, z))
            for number, bone, joint, (x, y, z) in POSE_POINTS
            for right in (0, 1)
        ]
        self.numbers = [number for number, *_ in rows]
        self.carriers = torch.tensor([self.model.bone(bone) for _, bone, _, _ in rows])
        self.at = torch.tensor([self.model.bone(joint) for _, _, joint, _ in rows])
        self.beside = _tensor([offset for *_, offset in rows])
        self.places = _tensor(pose.points[self.numbers, :2])
        x, y = pose.points[:, 0] / width, pose.points[:, 1] / height
        inside = (x > -0.02) & (x < 1.02) & (y > -0.02) & (y < 1.0)
        self.surely = np.clip(pose.visibility, 0, 1) ** 2 * inside
        fine = np.array([FAINT.get(number - 1 + number % 2, 1.0) for number in self.numbers])
        for side, right in (("L", 0), ("R", 1)):
            if side in self.seen.hands:
                fine[[self.numbers.index(17 + right), self.numbers.index(19 + right)]] = 0
        self.point_weights = _tensor(60 * fine * self.surely[self.numbers])
        pairs = [(a + right, b + right) for a, b in SEGMENTS for right in (0, 1)] + [(12, 11), (24, 23)]
        self.begin = torch.tensor([self.numbers.index(a) for a, _ in pairs])
        self.end = torch.tensor([self.numbers.index(b) for _, b in pairs])
        toward = np.array([pose.metres[b] - pose.metres[a] for a, b in pairs])
        self.toward = _tensor(toward / np.maximum(np.linalg.norm(toward, axis=1, keepdims=True), 1e-6))
        both = np.array([min(pose.visibility[a], pose.visibility[b]) ** 2 for a, b in pairs])
        self.toward_weights = _tensor(both * [0.3 if a in (15, 16) else 1.0 for a, _ in pairs])

    def _face_points(self) -> None:
        """Points of the face: all of it is carried by the head, so a few vertices are all that is moved."""
        numbers = list(FACE_POINTS)
        corners = self.model.triangles[self.model.face_triangles[numbers]]
        weights = self.model.face_weights[numbers][..., None]
        self.face_mean = _tensor((self.model.mean[corners] * weights).sum(1))
        self.face_changes = _tensor((self.model.changes[:, corners] * weights).sum(2))
        self.face_places = _tensor(self.seen.face[numbers, :2])
        depth = self.seen.face[numbers, 2]
        self.face_depth = _tensor(depth - depth.mean())

    def _hand_points(self) -> None:
        """21 joints of each hand that was found: number of a bone, and whether its tail is meant."""
        self.hands = []
        for side, hand in sorted(self.seen.hands.items()):
            ends = [(f"wrist.{side}", 0)]
            for f in range(1, 6):
                ends += [(f"finger{f}-{k}.{side}", 0) for k in (1, 2, 3)] + [(f"finger{f}-3.{side}", 1)]
            bones = torch.tensor([self.model.bone(name) for name, _ in ends])
            tails = torch.tensor([end == 1 for _, end in ends])[:, None]
            begin = torch.tensor([1 + 4 * f + k for f in range(5) for k in range(3)])
            toward = hand.metres[begin.numpy() + 1] - hand.metres[begin.numpy()]
            toward = toward / np.maximum(np.linalg.norm(toward, axis=1, keepdims=True), 1e-6)
            self.hands.append((bones, tails, _tensor(hand.points[:, :2]), begin, _tensor(toward)))
        self.limits = [FingerLimits(self.model, self.names, side) for side in sorted(self.seen.hands)]

    def start(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rotation vectors (freedoms, 3), shift (3,), shape (S,): the pose at rest, turned as the shoulders are."""
        pose, unit = self.seen.pose, self.seen.unit
        turns = torch.zeros(len(self.names), 3)
        across = pose.metres[11] - pose.metres[12]
        turns[0, 1] = 0.8 * float(np.arctan2(-across[2], across[0]))
        away = self.lens.focal * 0.5 / unit
        x, y = pose.points[list(HIPS), :2].mean(0)
        shift = [(x - self.lens.x) * away / self.lens.focal, (y - self.lens.y) * away / self.lens.focal, away]
        shape = torch.zeros(len(self.model.changes))
        return turns.requires_grad_(), _tensor(shift).requires_grad_(), shape.requires_grad_()

    def _joints(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        heads, tails = self.joints + torch.tensordot(shape, self.joint_changes, 1)
        return heads, tails

    def _project(self, points: Tensor) -> Tensor:
        middle = torch.tensor([self.lens.x, self.lens.y])
        return self.lens.focal * points[..., :2] / points[..., 2:].clamp(min=0.1) + middle

    def loss(self, turns: Tensor, shift: Tensor, shape: Tensor, step: int) -> Tensor:
        """Of a state; `step` tells how far hands are counted by now."""
        heads, tails = self._joints(shape)
        turned, placed = self.model.posed(heads, matrix_of(self.shares @ turns), shift)
        points = self._points(heads, turned, placed)
        total = (self.point_weights * _robust(self._misses(points, self.places), 0.15)).sum()
        along = points[self.end] - points[self.begin]
        total = total + (self.toward_weights * (1 - torch.cosine_similarity(along, self.toward))).sum()
        total = total + self._face_loss(shape, heads, turned, placed)
        share = min(1.0, max(0.0, (step - HANDS_FROM) / HANDS_OVER))
        if share:
            total = total + share * self._hand_loss(heads, tails, turned, placed)
        for limits in self.limits:
            total = total + limits.loss(turns)
        total = total + (self.dear * _square(turns).sum(-1)).sum() + self._upright(placed)
        return total + 0.02 * _square(shape[:COMPONENTS]).sum() + 0.06 * _square(shape[COMPONENTS:]).sum()

    def _points(self, heads: Tensor, turned: Tensor, placed: Tensor) -> Tensor:
        reach = heads[self.at] + self.beside - heads[self.carriers]
        return (turned[self.carriers] @ reach[..., None])[..., 0] + placed[self.carriers]

    def _misses(self, points: Tensor, places: Tensor) -> Tensor:
        """Squares of how far points (n, 3) m are seen from where they should be (n, 2) px, in units."""
        return _square((self._project(points) - places) / self.seen.unit).sum(-1)

    def _face(self, shape: Tensor, heads: Tensor, turned: Tensor, placed: Tensor) -> Tensor:
        head = self.model.bone("head")
        rest = self.face_mean + torch.tensordot(shape, self.face_changes, 1) - heads[head]
        face: Tensor = rest @ turned[head].T + placed[head]
        return face

    def _face_loss(self, shape: Tensor, heads: Tensor, turned: Tensor, placed: Tensor) -> Tensor:
        face = self._face(shape, heads, turned, placed)
        depth = face[:, 2] - face[:, 2].mean() - self.face_depth * face[:, 2].mean() / self.lens.focal
        return 150 * _robust(self._misses(face, self.face_places), 0.05).mean() + 150 * _square(depth).mean()

    def _hand_loss(self, heads: Tensor, tails: Tensor, turned: Tensor, placed: Tensor) -> Tensor:
        total = torch.zeros(())
        for bones, at_tail, places, begin, toward in self.hands:
            tips = (turned[bones] @ (tails[bones] - heads[bones])[..., None])[..., 0] + placed[bones]
            points = torch.where(at_tail, tips, placed[bones])
            along = points[begin + 1] - points[begin]
            total = total + 40 * _robust(self._misses(points, places), 0.1).mean()
            total = total + 0.12 * (1 - torch.cosine_similarity(along, toward)).sum()
        return total

    def _upright(self, placed: Tensor) -> Tensor:
        """Who stands has the head above ankles and hips; of half a body, the neck is above the hips."""
        depth, bone = placed[:, 2], self.model.bone
        hips = depth[bone("spine05")]
        if min(self.surely[list(ANKLES)]) > 0.4:
            feet = (depth[bone("foot.L")] + depth[bone("foot.R")]) / 2
            return 12 * _square(depth[bone("head")] - feet - 0.02) + 6 * _square(depth[bone("head")] - hips)
        return 6 * _square(depth[bone("neck01")] - hips)

    @torch.inference_mode()
    def result(self, turns: Tensor, shift: Tensor, shape: Tensor) -> BodyFit:
        """The fit, and how far it misses what was seen."""
        heads, _ = self._joints(shape)
        matrices = matrix_of((self.shares @ turns).double())
        turned, placed = self.model.posed(heads, matrices.float(), shift)
        misses = self._misses(self._points(heads, turned, placed), self.places).sqrt().numpy()
        judged = [k for k, n in enumerate(self.numbers) if n - 1 + n % 2 in JUDGED and self.surely[n] > SURELY]
        face = self._misses(self._face(shape, heads, turned, placed), self.face_places).sqrt()
        body = float(misses[judged].mean()) if judged else float("nan")
        whole = [value.double().numpy().copy() for value in (shape, shift)]
        whole[0] = with_own_hands(self.model, whole[0], placed.double().numpy(), self.seen)
        return BodyFit(whole[0], matrices.numpy().copy(), whole[1], self.lens, body, float(face.mean()))


def _side(bone: str, right: int) -> str:
    return "" if bone == "root" else (".L", ".R")[right]
