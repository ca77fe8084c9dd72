"""How much of a reference's words an answer has, in their order: ROUGE-L, without any model.

Source: Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004, section 3.1, with β = 1.
"""

import re

__all__ = ["rouge_l", "words"]

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Runs of letters and digits in lower case; nothing is stemmed."""
    return _WORD.findall(text.casefold())


def rouge_l(answer: str, reference: str) -> float:
    """F of precision and recall of the longest common subsequence of words, 0..1.

    >>> round(rouge_l("police kill the gunman", "police killed the gunman"), 3)
    0.75
    """
    said, meant = words(answer), words(reference)
    if not said or not meant:
        return 0.0
    return 2 * _common(said, meant) / (len(said) + len(meant))


def _common(first: list[str], second: list[str]) -> int:
    above = [0] * (len(second) + 1)
    for word in first:
        row = [0]
        for place, other in enumerate(second):
            row.append(above[place] + 1 if word == other else max(row[-1], above[place + 1]))
        above = row
    return above[-1]
