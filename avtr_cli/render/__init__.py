"""Motion into pictures: the embedded mesh-warp renderer and the published LivePortrait networks."""
