"""Many jobs as one: what there is to render, what of it is done, and who renders the rest."""
