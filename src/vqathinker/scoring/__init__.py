"""Scores of single clips: a video that somebody has, a policy that somebody trained, and no set.

What is imported here is light; torch comes with the first policy that is loaded.
"""

from vqathinker.scoring.load import load_policy
from vqathinker.scoring.result import ClipScore, Method

__all__ = ["ClipScore", "Method", "load_policy"]
