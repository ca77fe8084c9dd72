"""From label ids to files on disk: which file is meant, and an error where more than one could be.

Names differ between labels and disks, see the notes of the cards: LIVE-YT-HFR's .mp4 are .webm,
Waterloo's HEVC_01_960x540_1.mp4 is HEVC/01/960x540_1.mp4, KoNViD goes by the leading digits, nine
videos of LIVE-VQC end in NEW. A card says what of the two names must be equal, in a regular
expression or in words (`name_rules`).
"""

import re
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.listing import join_first
from vqathinker.datasets.name_rules import file_keys, label_key, parse_words, plain_path
from vqathinker.datasets.source_files import walk_files

__all__ = ["AmbiguousVideoError", "find_candidates", "match_videos", "video_files"]

_MACOS_FOLDER = "__MACOSX"
_MOST_NAMED = 5


class AmbiguousVideoError(LabelError):
    """A label id that could mean two files, or two ids that mean the same file."""


def video_files(folder: Path) -> list[str]:
    """Every file below `folder`, sorted, as a path from there.

    Names that begin with a dot and what archives of macOS add (`__MACOSX`) are no videos. Links are
    followed, see `walk_files`.

    Raises:
        SourceFolderError: a link leads in circles, or a folder cannot be read.
    """
    paths = (path.relative_to(folder) for path in walk_files(folder))
    return sorted(path.as_posix() for path in paths if not any(map(_is_ignored, path.parts)))


def match_videos(ids: Iterable[str], files: Iterable[str], match: str | None) -> dict[str, str]:
    """The file of each label id that has one.

    Args:
        ids: label ids.
        files: paths below videos/, with forward slashes.
        match: as in a card: a regular expression whose groups must be equal in the id and in the
            end of the path, from a folder on; or words that say what need not be equal; None: the
            id itself is a path, or the end of one.

    Returns:
        Id to file; an id without a file is left out.

    Raises:
        AmbiguousVideoError: two files fit one id, or one file fits two ids. Without a pattern, a
            path that is the id as a whole is preferred to one that ends in it, and both to one that
            is only like it.
        LabelError: an id has not the form of the pattern.
    """
    matched: dict[str, str] = {}
    taken: dict[str, str] = {}
    for video, candidates in find_candidates(list(ids), sorted(set(files)), match).items():
        if len(candidates) > 1:
            raise AmbiguousVideoError(
                f"video {video!r} could be each of {len(candidates)} files: "
                f"{join_first(candidates, _MOST_NAMED)}; keep one"
            )
        for file in candidates:
            if file in taken:
                raise AmbiguousVideoError(f"{file} is meant by {taken[file]!r} and by {video!r}")
            taken[file] = video
            matched[video] = file
    return matched


def find_candidates(
    ids: Sequence[str], files: Sequence[str], match: str | None
) -> dict[str, list[str]]:
    """The files that each label id could mean, none or more; arguments as of `match_videos`.

    Raises:
        LabelError: an id has not the form of the pattern.
    """
    words = parse_words(match)
    if words is None:
        return _by_pattern(ids, files, str(match))
    found = _by_path(ids, files)
    if words:
        # A file that is a label's by its very name is no other's.
        taken = {file for candidates in found.values() for file in candidates}
        rest = [video for video in ids if not found[video]]
        found |= _by_words(rest, [file for file in files if file not in taken], words)
    return found


def _by_pattern(ids: Sequence[str], files: Sequence[str], pattern: str) -> dict[str, list[str]]:
    regex = re.compile(rf"(?:^|/)(?:{pattern})\Z")
    table: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        if found := regex.search(plain_path(file)):
            table.setdefault(found.groups(""), []).append(file)
    candidates = {}
    for video in ids:
        if not (found := regex.search(plain_path(video))):
            raise LabelError(f"video {video!r} has not the form of the card, {pattern}")
        candidates[video] = table.get(found.groups(""), [])
    return candidates


def _by_path(ids: Sequence[str], files: Sequence[str]) -> dict[str, list[str]]:
    """Files whose path is the id, or else ends in it."""
    whole: dict[str, list[str]] = {}
    for file in files:
        whole.setdefault(plain_path(file), []).append(file)
    ends = _by_words(ids, files, frozenset())
    return {video: whole.get(plain_path(video)) or ends[video] for video in ids}


def _by_words(ids: Sequence[str], files: Sequence[str], words: Set[str]) -> dict[str, list[str]]:
    keys = {video: label_key(video, words) for video in ids}
    wanted = set(keys.values())
    table: dict[tuple[str, str], list[str]] = {}
    for file in files:
        for key in file_keys(file, words):
            if key in wanted and file not in table.setdefault(key, []):
                table[key].append(file)
                if "begins" in words:
                    break  # clip_1_540p is that of clip_1, and not of clip
    return {video: table.get(key, []) for video, key in keys.items()}


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name == _MACOS_FOLDER
