"""A folder of any systems' videos or motion, judged: its layout, what each file shows, and the rows of a report."""
