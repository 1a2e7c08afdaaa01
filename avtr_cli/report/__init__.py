"""What is told of a finished job: the report's numbers, its page, charts and stills."""
