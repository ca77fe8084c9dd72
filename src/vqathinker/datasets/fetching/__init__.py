"""Fetch the files of a card into the source folder of its set."""
