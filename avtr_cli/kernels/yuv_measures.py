"""What the loops and the plain form of `yuv` must agree on: BT.709 in whole numbers, and where its planes lie."""

SHIFT = 16  # weights are of 1 << SHIFT
HALF = 1 << (SHIFT - 1)
BLACK, GREY = 16 << SHIFT, 128 << SHIFT
# Of red, green and blue; those of the differences add up to nothing, so that a grey has none.
BRIGHTNESS = (11_966, 40_254, 4_064)
BLUENESS = (-6_596, -22_188, 28_784)
REDNESS = (28_784, -26_145, -2_639)


def planes_size(height: int, width: int) -> int:
    """Bytes of a picture: brightness, then blueness and redness, which have half the rows and columns, rounded up."""
    return height * width + 2 * -(-height // 2) * -(-width // 2)
