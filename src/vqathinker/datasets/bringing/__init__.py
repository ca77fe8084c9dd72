"""Bringing: from the files that a card names to files in the source folder of its set."""
