"""What motion has to know of a photo's arms: how long they are, how they rest, and where they may go.

A renderer measures it and hands it on as the row `body` of `Identity.anatomy`, float64 (2, 70), left and right. All
is in the chest's axes, x to the left, y down, z to the back; the right arm's is mirrored, as if it were a left one.
Two bones reach a wrist in one way once the elbow's side is chosen, its `swivel`: 0 degrees below, 90 outside. An arm
that itself points there, as one that hangs a little back, has nothing of it beside it: its elbow stays where it rests.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from avtr_cli.core.arrays import Doubles, Indices

BELOW, BESIDE = np.array([0.0, 1.0, 0.25]), np.array([1.0, 0.0, 0.35])  # where an elbow of swivel 0 and 90 degrees is
SURE = 0.3  # of these, that is beside an arm: where less is, it points there itself, and its elbow is where it rests
STRAIGHTEST, MOST_BENT = 0.9995, 2.5  # of the arm's length; radians of the elbow
LEVELS = np.array([0.15, 0.4, 0.65, 0.9, 1.15])  # arm lengths below the shoulder, at which the trunk is measured
_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])  # of x, y and z
SHRUG_TURNS = 0.3  # radians of the collarbone for a shrug of 1: about 45 mm
LIFTED_BY, LIFTED_FROM = 0.28, -0.6  # of the collarbone by the upper arm's height above it, radians


@dataclass(frozen=True)
class Arm:
    """One arm in the photo.

    upper, fore  metres of upper arm and forearm
    along, hinge (3,) unit: from shoulder to elbow, and the axis that the elbow bends about
    bend         radians of the elbow
    hand         (3,) unit: from the wrist to the fingers' roots, along the forearm's axes (it, hinge, their product)
    palm         radians of the palm: 0 thumb up, a quarter turn palm up
    rest         (4,) the wrist from the shoulder, out, up and front, in arm lengths, and the swivel in degrees
    free         whether it may gesture; sits: whether somebody sits
    pinned       whether its hand keeps its place while the trunk moves, as on thighs, in pockets and beside hips
    lever        (3,) metres from the middle of the spine's joints to the shoulder
    depth        arm lengths that the trunk reaches before the shoulders, a hand's thickness included
    cheek        (3,) metres from the shoulder to the skin of this side's cheek; outward (3,) unit: away from that skin
    neck         (3,) metres from the shoulder to where the head turns
    tips         metres from the wrist to the tips of stretched fingers
    camera       (12,) of a (3, 4): metres from the shoulder, and a 1, into the camera's axes
    box          (4,) what the frame shows there: the least and the most x over z, and y over z
    trunk        (20,) of a (5, 4): the outline of trunk and thighs at LEVELS: x and z of its middle, half its width and
                 depth, metres from the shoulder
    """

    upper: float
    fore: float
    along: Doubles
    hinge: Doubles
    bend: float
    hand: Doubles
    palm: float
    rest: Doubles
    free: bool
    sits: bool
    pinned: bool
    lever: Doubles
    depth: float
    cheek: Doubles
    outward: Doubles
    neck: Doubles
    tips: float
    camera: Doubles
    box: Doubles
    trunk: Doubles

    @property
    def length(self) -> float:
        """Metres from shoulder to wrist of the straight arm."""
        return self.upper + self.fore

    @property
    def nearest(self) -> float:
        """Metres from shoulder to wrist of the arm that is MOST_BENT."""
        squared = self.upper**2 + self.fore**2 + 2 * self.upper * self.fore * np.cos(MOST_BENT)
        return float(np.sqrt(squared))

    @property
    def edges(self) -> list[tuple[Doubles, float]]:
        """The picture's four, as unit vectors (3,) into it and metres that the shoulder is inside of each."""
        rows = self.camera.reshape(3, 4)
        least_x, most_x, least_y, most_y = self.box
        planes = [rows[0] - least_x * rows[2], most_x * rows[2] - rows[0]]
        planes += [rows[1] - least_y * rows[2], most_y * rows[2] - rows[1]]
        return [(plane[:3] / far, float(plane[3] / far)) for plane in planes if (far := np.linalg.norm(plane[:3]))]

    def trunk_at(self, below: Doubles) -> Doubles:
        """(4, ...) of `trunk`, so many metres `below` (...) the shoulder."""
        at: Doubles = np.interp(below / self.length, LEVELS, np.arange(float(len(LEVELS))))
        above: Indices = np.minimum(at.astype(np.intp), len(LEVELS) - 2)
        share = smooth_step(at - above)[..., None]
        outlines = self.trunk.reshape(len(LEVELS), 4)
        found: Doubles = (1 - share) * outlines[above] + share * outlines[above + 1]
        return np.moveaxis(found, -1, 0)

    def row(self) -> Doubles:
        """(70,): all of it in order."""
        return np.concatenate([np.atleast_1d(np.asarray(getattr(self, one.name), np.float64)) for one in fields(self)])


_SIZES = {
    "along": 3, "hinge": 3, "hand": 3, "rest": 4, "lever": 3, "cheek": 3, "outward": 3, "neck": 3, "camera": 12,
    "box": 4, "trunk": 20,
}  # fmt: skip
ROW = sum(_SIZES.get(one.name, 1) for one in fields(Arm))


def arm_of(row: Doubles) -> Arm:
    """The arm that `Arm.row` told."""
    assert row.shape == (ROW,)
    told: dict[str, object] = {}
    at = 0
    for one in fields(Arm):
        size = _SIZES.get(one.name, 0)
        told[one.name] = row[at : at + size] if size else float(row[at])
        at += size or 1
    return Arm(**told | {name: bool(told[name]) for name in ("free", "sits", "pinned")})  # type: ignore[arg-type]


def in_frame(rows: Doubles, box: Doubles) -> Doubles:
    """(2, 70) of both arms, of which the picture shows `box` (4,)."""
    return np.stack([replace(arm_of(row), box=box).row() for row in rows])


def place_of(wrists: Doubles) -> Doubles:
    """out, up, front as x, y, z, and back."""
    placed: Doubles = wrists * np.array([1.0, -1.0, -1.0])
    return placed


def reach(arm: Arm, wrists: Doubles, swivels: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Unit vectors (T, 3) of upper arm, forearm and the elbow's axis, and how far it bends (T,).

    `wrists` (T, 3) are out, up and front in arm lengths, `swivels` (T,) degrees.
    """
    wrist = place_of(wrists) * arm.length
    far = lengths(wrist)
    towards = wrist / np.maximum(far, 1e-6)
    far = far.clip(arm.nearest, STRAIGHTEST * arm.length)
    swivel = np.radians(swivels)[:, None]
    side = across(np.cos(swivel) * BELOW + np.sin(swivel) * BESIDE, towards)
    side = unit(side + (SURE - lengths(side)).clip(0) * across(_elbow_at_rest(arm) + 0 * towards, towards))
    cosine = ((arm.upper**2 + far**2 - arm.fore**2) / (2 * arm.upper * far)).clip(-1, 1)
    along = cosine * towards + np.sqrt(1 - cosine**2) * side
    fore = unit(far * towards - arm.upper * along)
    hinge = cross(side, towards)
    bend = np.arctan2((cross(along, fore) * hinge).sum(1), (along * fore).sum(1))
    return along, fore, hinge, bend


def _elbow_at_rest(arm: Arm) -> Doubles:
    """(3,) unit: to which side of the line to the wrist the elbow is; zeros of an arm that is yet to be told."""
    towards = place_of(arm.rest[:3])
    return cross(towards / np.maximum(lengths(towards), 1e-6), arm.hinge)


def lift(along: Doubles) -> Doubles:
    """Radians (...) that a collarbone rises with an upper arm that points along unit vectors (..., 3)."""
    lifted: Doubles = LIFTED_BY * np.maximum(0.0, np.arcsin(np.clip(-along[..., 1], -1, 1)) - LIFTED_FROM)
    return lifted


def swivel_of(elbow: Doubles, towards: Doubles) -> float:
    """Degrees: the swivel of an elbow (3,) beside the unit direction `towards` (3,) from shoulder to wrist."""
    basis = np.stack([across(one[None], towards[None])[0] for one in (BELOW, BESIDE)], axis=1)
    side = across(elbow[None], towards[None])[0]
    cosine, sine = np.linalg.lstsq(basis, side, rcond=None)[0]
    return float(np.degrees(np.arctan2(sine, cosine)))


def across(vectors: Doubles, along: Doubles) -> Doubles:
    """What of `vectors` is at right angles to unit vectors `along`."""
    rest: Doubles = vectors - (vectors * along).sum(1, keepdims=True) * along
    return rest


def cross(one: Doubles, other: Doubles) -> Doubles:
    """The products of vectors (..., 3), as NumPy has them, which takes six times as long for the few of a chunk."""
    product: Doubles = one.take(_NEXT, -1) * other.take(_LAST, -1) - one.take(_LAST, -1) * other.take(_NEXT, -1)
    return product


def lengths(vectors: Doubles) -> Doubles:
    """(..., 1) of vectors (..., 3)."""
    found: Doubles = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    return found


def unit(vectors: Doubles) -> Doubles:
    """`vectors` (T, 3) of length 1."""
    made: Doubles = vectors / np.maximum(lengths(vectors), 1e-9)
    return made


def smooth_step(share: Doubles) -> Doubles:
    """0 .. 1 over 0 .. 1, at rest with no bend at both ends."""
    within: Doubles = share.clip(0.0, 1.0)
    made: Doubles = within**3 * (10.0 - 15.0 * within + 6.0 * within**2)
    return made


def posed(arm: Arm) -> Arm:
    """`arm` with the axes and the bend of the elbow that its rest has."""
    along, _, hinge, bend = reach(replace(arm, hinge=np.zeros(3)), arm.rest[None, :3], arm.rest[3:])
    return replace(arm, along=along[0], hinge=hinge[0], bend=float(bend[0]))


MEAN_ARM = posed(
    Arm(
        upper=0.25, fore=0.24, along=np.zeros(3), hinge=np.zeros(3), bend=0.0, hand=np.array([1.0, 0.0, 0.0]),
        palm=0.2, rest=np.array([0.14, -0.95, 0.09, 10.0]), free=True, sits=False, pinned=False,
        lever=np.array([0.17, -0.28, -0.02]), depth=0.36, cheek=np.array([-0.116, -0.201, -0.096]),
        outward=np.array([0.83, 0.25, -0.5]), neck=np.array([-0.173, -0.125, 0.004]), tips=0.185,
        camera=np.array([1.0, 0, 0, 0.17, 0, 1, 0, 0, 0, 0, 1, 2.5]), box=np.array([-1.0, 1, -1, 1]),
        trunk=np.tile([-0.17, 0.0, 0.15, 0.12], len(LEVELS)),
    )
)  # fmt: skip
"""Of somebody who stands and lets the arms hang; for motion that nobody is drawn by."""
