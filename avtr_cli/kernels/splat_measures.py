"""Where splats begin and end, for the compiled loops and the plain form alike: the constants of 3DGS and gsplat 1.5."""

LOW_PASS = 0.3  # px^2 added to what a splat covers; less is sharper, and aliases where splats are below a pixel
NEAR = 0.01  # metres before the camera
LEAST_ALPHA = 1 / 255  # what adds less is left out
MOST_ALPHA = 0.99
LEAST_LIGHT = 1e-4  # a pixel that lets less through is finished
REACH = 3.33  # standard deviations at which a splat of opacity 1 has fallen to LEAST_ALPHA
BEYOND = 0.3  # of half the picture: how far outside it the projection's slope still follows a splat
LARGEST = 1e7  # px: half a side of a splat's box
