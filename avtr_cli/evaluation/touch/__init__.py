"""How people who are touched answer, as Face Mesh reads it off rendered frames: when, whereto, in which tone."""
