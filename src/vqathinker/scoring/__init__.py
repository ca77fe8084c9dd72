"""Scores of your own clips: find a policy, sample frames, score them, and write the results."""
