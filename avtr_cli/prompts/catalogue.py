"""The cues that can be asked for, in words."""

from __future__ import annotations

DESCRIPTIONS = {
    "nod": "nods once or twice",
    "shake": "shakes the head",
    "smile": "smiles, and stops smiling by itself",
    "brow": "raises the brows",
    "blink": "blinks once",
    "look_left": "looks to the left of the picture for a moment",
    "look_right": "looks to the right of the picture for a moment",
    "look_up": "looks up for a moment",
    "look_down": "looks down for a moment",
    "look_ahead": "looks into the camera for a moment",
    "wave": "waves a hand (--preset body)",
    "open_hands": "opens both hands, palms up (--preset body)",
    "point": "points forward with one hand (--preset body)",
    "hands_down": "lets both hands rest (--preset body)",
}
"""What the person does at each of `core.types.CUES`, of strength 1."""
