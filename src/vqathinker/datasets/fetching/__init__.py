"""Fetching the files that a card names into the source folder of its set.

`plan` decides what is missing, `steps` finds its origin, downloads, unpacks and places it, and
`journal` records it, for resuming and for the receipt.
"""
