"""The published LivePortrait networks and the renderer that drives them."""
