"""Audio windows into motion; gestures, motion files, and the bridges between motion spaces."""
