"""Fetching the files that a card names into the source folder of its set."""
