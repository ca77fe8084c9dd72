"""Fetching the files that a card names into the source folder of its set.

`fetcher` downloads, unpacks and places a file, `drops` finds those that the user has to get, and
`journal` records them, for resuming and for the receipt.
"""
