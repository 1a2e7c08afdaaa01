"""A learned answer to touch: trained on the drawn one, judged beside it, and part of no render."""
