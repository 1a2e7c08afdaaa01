"""Measures of an eye that both forms of its drawing know, the compiled one and the plain one; half eye widths."""

CANVAS, CANVAS_REACH = 144, 1.6  # px of the square eye pictures; they span u, v in -1.6 .. 1.6
CANVAS_SCALE = (CANVAS - 1) / (2 * CANVAS_REACH)  # px of them in half an eye width
BALL_ENDS = 0.93  # aside to which the ball shows: at the corners lies what is no eye
LASHES = 0.10  # strip above the upper lid that is moved, not stretched
BELOW = 0.55  # skin below the lower lid that takes part
GAZE_X, GAZE_Y = 0.5, 0.26  # how far the iris goes at a look of 1
WIDENS = 0.26  # that the upper lid rises for `eyeWide` 1
"""Speaking eyes open and narrow by a tenth between blinks, as Face Mesh sees it, which sees half of it."""
