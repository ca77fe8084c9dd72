"""Fetching: from the files that a card names to files in the source folder of its set.

plan (what is needed, and what is there) → origins (from where it can come) → steps (download,
unpack, place) → journal, from which the receipt is written. `card_files` goes that way for a card.
"""
