"""A mistyped target is answered by those that there are."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from vqathinker.phases.words import nearest

__all__ = ["doubtful_words", "unknown_targets"]


def doubtful_words(
    words: Iterable[str], targets: Sequence[str], is_made: Callable[[str], bool]
) -> list[str]:
    """Words that name no target, nothing that is there and nothing that a rule makes.

    Of a whole command line these are few or none: names of options, their settings and addresses
    are no targets.
    """
    return [
        word
        for word in words
        if not (word.startswith("-") or "=" in word or "://" in word)
        and word not in targets
        and not (Path(word).exists() or is_made(word))
    ]


def unknown_targets(words: Sequence[str], targets: Sequence[str]) -> str | None:
    """What to say of targets that nothing makes; None where there are none.

    >>> print(unknown_targets(["tabels"], ["all", "tables"]))
    tabels is no target, and no file that a rule makes; did you mean tables?
    Targets: all, tables; or the path of a file that a rule makes
    """
    lines = [
        f"{word} is no target, and no file that a rule makes{nearest(word, targets)}"
        for word in words
    ]
    listed = f"Targets: {', '.join(targets)}; or the path of a file that a rule makes"
    return "\n".join([*lines, listed]) if lines else None
