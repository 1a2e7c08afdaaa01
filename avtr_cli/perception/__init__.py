"""A photo into a `Portrait`: landmarks, crop and matte."""
