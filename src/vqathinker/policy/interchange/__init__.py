"""Policies from elsewhere and to elsewhere: the hub, and the authors' original layout."""
