"""Motion of one space as motion of another, so that any generator can drive any renderer."""
