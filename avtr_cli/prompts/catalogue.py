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
}
"""What the person does at each of `core.types.CUES`, of strength 1."""
