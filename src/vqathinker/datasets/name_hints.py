"""Why labels find no videos, in one line: how their names differ, and what a card says to that."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from vqathinker.datasets.card import Card, card_names
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.listing import join_first
from vqathinker.datasets.manifest import videos_folder
from vqathinker.datasets.matching import find_candidates, video_files
from vqathinker.datasets.name_rules import WORDS, has_video_ending, parse_words

__all__ = ["MatchSuggestion", "describe_names", "names_of_set", "suggest_match"]

_MOST_NAMED = 3
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)


class MatchSuggestion(NamedTuple):
    """Words for `match` with which more labels find their video.

    Args:
        match: the words.
        found: labels that find one with them and not without.
        unsure: labels that could then mean several.
        labels: all of them.
        phrase: how those labels differ from names of videos.
    """

    match: str
    found: int
    unsure: int
    labels: int
    phrase: str

    def __str__(self) -> str:
        """How many of how many labels differ in what from names of videos."""
        return f"{self.found} of {self.labels} labels {self.phrase}"


def suggest_match(
    ids: Sequence[str], files: Sequence[str], match: str | None = None
) -> MatchSuggestion | None:
    """The words, as few as may be, with which most labels find exactly one video; None: no better.

    Args:
        ids: label ids.
        files: paths below videos/.
        match: words that the card has already.
    """
    before = find_candidates(ids, files, match)
    taken = {file for candidates in before.values() for file in candidates}
    rest = [video for video in ids if not before[video]]
    free = [file for file in files if file not in taken]
    if not rest or not free:
        return None
    words = (match or "").split()
    best, most = words, 0
    while most < len(rest):
        added = [[*best, word] for word in WORDS if word not in best]
        if most == 0:  # names may differ in two ways at once
            added += [[*best, *pair] for pair in combinations(WORDS, 2) if not set(pair) & {*best}]
        counts = [_count_found(rest, free, " ".join(each)) for each in added]
        if not counts or max(counts) <= most:
            break
        most = max(counts)
        best = added[counts.index(most)]
    if most == 0:
        return None
    candidates = find_candidates(rest, free, " ".join(best))
    unsure = sum(len(found) > 1 for found in candidates.values())
    new = [word for word in best if word not in words]
    phrase = _phrase(new, [video for video in rest if candidates[video]])
    return MatchSuggestion(" ".join(best), most, unsure, len(ids), phrase)


def describe_names(
    ids: Sequence[str], files: Sequence[str], match: str | None, *, own_card: bool
) -> str | None:
    """What keeps labels from finding their videos, and what to do; None: nothing is to be said.

    Args:
        ids: label ids.
        files: paths below videos/.
        match: of the card.
        own_card: whether the card is the user's, who may change it.

    Raises:
        LabelError: an id has not the form of the card's pattern.
    """
    candidates = find_candidates(ids, files, match)
    lost = [video for video in ids if not candidates[video]]
    if not files or not lost:
        return None
    said = []
    if rounded := [video for video in lost if _ROUNDED.fullmatch(video)]:
        said.append(
            f"{len(rounded)} of {len(ids)} labels are numbers that a spreadsheet has rounded, "
            f"{_examples(rounded)}: export them again, with their column as text"
        )
    if len(lost) == len(ids):
        said.append(
            f"no label is the name of a video: labels look like {_examples(ids)}, videos like "
            f"{_examples(files)}"
        )
    if own_card and parse_words(match) is not None:
        suggestion = suggest_match(ids, files, match)
        if suggestion is not None:
            said.append(f"{suggestion}; `match: {suggestion.match}` in the card takes them so")
    return ". ".join(said) or None


def names_of_set(card: Card, source: Path) -> str | None:
    """`describe_names` for the set in the folder `source`; None, too, before there are labels.

    Raises:
        LabelError: the labels cannot be read.
        SourceFolderError: the folder of the videos cannot be gone through.
    """
    if not card.labels or not (source / card.label.file).is_file():
        return None
    ids = read_labels(source, card)["video"].tolist()
    files = video_files(source / videos_folder(card))
    return describe_names(ids, files, card.match, own_card=card.name not in card_names())


def _count_found(ids: Sequence[str], files: Sequence[str], match: str) -> int:
    """Label ids that find exactly one file, which is no other's."""
    found = [files for files in find_candidates(ids, files, match).values() if len(files) == 1]
    times = Counter(file for [file] in found)
    return sum(times[file] == 1 for [file] in found)


def _phrase(words: Sequence[str], ids: Sequence[str]) -> str:
    if words == ["any-ending"] and not any(map(has_video_ending, ids)):
        return "are the name of a video without its ending"
    if words == ["begins"]:
        return "are what the name of a video begins with"
    return f"are the name of a video but for {' and '.join(WORDS[word] for word in words)}"


def _examples(names: Sequence[str]) -> str:
    return join_first([repr(name) for name in names], _MOST_NAMED)
