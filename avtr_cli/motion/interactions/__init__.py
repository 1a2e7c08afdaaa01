"""A person who is touched: what the touch does to the skin, and how the person answers, drawn over any motion."""
