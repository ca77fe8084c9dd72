"""Scores of single clips: a video that somebody has, a policy that somebody trained, and no set."""
