"""What a body does, one event after the other: names, and how long one forbids the next of its kind."""

from __future__ import annotations

EVENTS = ("raise", "stroke", "emphatic", "palmup", "deictic", "rest", "adaptor", "shift")
"""Hands go up into gesture space; a beat; a large one; palms turn up; pointing; hands go down; a touch of oneself; the
weight or the trunk goes to another side."""

BEATS = ("stroke", "emphatic", "palmup", "deictic")
"""Those that need hands that are up."""

REFRACTORY = {
    "raise": 20, "stroke": 8, "emphatic": 16, "palmup": 25, "deictic": 40, "rest": 15, "adaptor": 60, "shift": 40,
}  # fmt: skip
"""Frames after a start in which the same cannot start again."""

BETWEEN_BEATS = 8  # frames from one beat to the next, of whatever kind
SETTLED = 8  # frames after a raise before the first beat
LEAD = 5  # frames from the start of a beat to the accent that it meets: the look-ahead
