"""What of the body turns when it is fitted, and where on it the points lie that are seen in a photo."""

from __future__ import annotations

# What turns: a name, the bones that share it, and how dear it is.
TORSO: tuple[tuple[str, tuple[str, ...], tuple[float, ...], float], ...] = (
    ("pelvis", ("root",), (1.0,), 0.0),
    ("loin", ("spine05", "spine04"), (0.5, 0.5), 3.0),
    ("waist", ("spine03", "spine02"), (0.5, 0.5), 3.0),
    ("chest", ("spine01",), (1.0,), 5.0),
    ("neck", ("neck01", "neck02", "neck03"), (0.34, 0.33, 0.33), 2.0),
    ("head", ("head",), (1.0,), 1.0),
)
LIMB = (
    ("clavicle", ("clavicle", "shoulder01"), (0.7, 0.3), 6.0),
    ("upper arm", ("upperarm01",), (1.0,), 0.15),
    ("upper arm twist", ("upperarm02",), (1.0,), 6.0),
    ("elbow", ("lowerarm01",), (1.0,), 0.15),
    ("forearm twist", ("lowerarm02",), (1.0,), 3.0),
    ("wrist", ("wrist",), (1.0,), 1.0),
    ("hip", ("upperleg01",), (1.0,), 0.2),
    ("knee", ("lowerleg01",), (1.0,), 0.2),
    ("foot", ("foot",), (1.0,), 2.0),
    *((f"finger {f}-{k}", (f"finger{f}-{k}",), (1.0,), 1.2) for f in range(1, 6) for k in (1, 2, 3)),
)
# Points of a pose, the person's left ones: number, bone that carries it, joint that it lies at, metres from there.
POSE_POINTS = (
    (11, "clavicle", "upperarm01", (0.0, -0.022, 0.0)),
    (13, "upperarm02", "lowerarm01", (0.0, 0.0, 0.0)),
    (15, "lowerarm02", "wrist", (0.0, 0.0, 0.0)),
    (17, "wrist", "finger5-1", (0.0, 0.0, 0.0)),
    (19, "wrist", "finger2-1", (0.0, 0.0, 0.0)),
    (23, "root", "upperleg01", (-0.017, -0.041, 0.0)),
    (25, "upperleg02", "lowerleg01", (0.0, 0.0, 0.0)),
    (27, "lowerleg02", "foot", (0.0, -0.03, 0.0)),
    (29, "foot", "foot", (0.0, 0.035, 0.05)),
    (31, "foot", "foot", (0.01, 0.055, -0.17)),
)
FAINT = {17: 0.3, 19: 0.3, 29: 0.4, 31: 0.4}  # weights of what a pose sees badly
JUDGED = (11, 13, 15, 23, 25, 27)  # by which a fit is judged
SEGMENTS = ((11, 13), (13, 15), (15, 19), (23, 25), (25, 27))  # directions, besides those across shoulders and hips
FACE_POINTS = (
    10, 338, 109, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 33, 133, 362, 263, 234, 454, 127, 356, 132, 361, 50, 280,
    98, 327, 48, 278, 205, 425, 152, 148, 377, 61, 291, 0, 17, 13, 14, 70, 63, 105, 66, 107, 300, 293, 334, 296, 336,
    159, 145, 386, 374, 58, 288, 172, 397,
)  # fmt: skip
