"""What every room stands on: the nouns, the two protocols, the time base, settings, errors, files."""
