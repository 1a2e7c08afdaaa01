"""What the loops of touched skin and their plain form have in common."""

REACH = 4.0  # widths beyond which nothing is felt
WIDER = 1.25  # times the dent, that skin is taken along
WALLS, BRIGHT = 0.80, 0.5  # of a dent's walls: how they show, and how much of that where they face the light
LIGHT = (-0.30, 0.10)  # least and most change of gain: pale skin burns out at once
FALLS = 1.3  # exponent by which redness ends: more of an edge than a Gaussian
