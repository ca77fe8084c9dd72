"""Data sets: what each is (cards), getting it (fetch), its labels, and its manifest."""
