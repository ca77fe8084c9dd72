"""From label ids to files on disk: which file is meant, and an error where more than one could be.

Names differ between labels and disks, see the notes of the cards: LIVE-YT-HFR's .mp4 are .webm,
Waterloo's HEVC_01_960x540_1.mp4 is HEVC/01/960x540_1.mp4, KoNViD goes by the leading digits, nine
videos of LIVE-VQC end in NEW. A card says what of the two names must be equal.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vqathinker.datasets.card import LabelError
from vqathinker.datasets.source_files import walk_files

__all__ = ["AmbiguousVideoError", "match_videos", "video_files"]

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


def match_videos(ids: Iterable[str], files: Iterable[str], pattern: str | None) -> dict[str, str]:
    """The file of each label id that has one.

    Args:
        ids: label ids.
        files: paths below videos/, with forward slashes.
        pattern: regular expression whose groups must be equal in the id and in the end of the path,
            from a folder on; None: the id itself is a path, or the end of one.

    Returns:
        Id to file; an id without a file is left out.

    Raises:
        AmbiguousVideoError: two files fit one id, or one file fits two ids. Without a pattern, a
            path that is the id as a whole is preferred to one that ends in it.
        LabelError: an id has not the form of the pattern.
    """
    exact = set(files)
    by_key = _files_by_key(exact, pattern)
    matched: dict[str, str] = {}
    taken: dict[str, str] = {}
    for video in ids:
        candidates = [video] if pattern is None and video in exact else by_key.get(
            _label_key(video, pattern), [])  # fmt: skip
        if len(candidates) > 1:
            first = ", ".join(candidates[:_MOST_NAMED])
            raise AmbiguousVideoError(
                f"video {video!r} could be each of {len(candidates)} files: {first}; keep one"
            )
        if candidates:
            file = candidates[0]
            if file in taken:
                raise AmbiguousVideoError(f"{file} is meant by {taken[file]!r} and by {video!r}")
            taken[file] = video
            matched[video] = file
    return matched


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name == _MACOS_FOLDER


def _label_key(video: str, pattern: str | None) -> tuple[str, ...]:
    if pattern is None:
        return (video,)
    if not (found := _compile_for_end(pattern).search(video)):
        raise LabelError(f"video {video!r} has not the form of the card, {pattern}")
    return found.groups("")


def _files_by_key(files: Iterable[str], pattern: str | None) -> dict[tuple[str, ...], list[str]]:
    """Files by what an id may say of them."""
    table: dict[tuple[str, ...], list[str]] = {}
    regex = None if pattern is None else _compile_for_end(pattern)
    for file in sorted(files):
        if regex is None:
            for end in _path_ends(file):
                table.setdefault((end,), []).append(file)
        elif found := regex.search(file):
            table.setdefault(found.groups(""), []).append(file)
    return table


def _compile_for_end(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|/)(?:{pattern})\Z")


def _path_ends(file: str) -> Iterator[str]:
    """The path, and it without its first folder, its first two, and so on."""
    while True:
        yield file
        _, slash, file = file.partition("/")
        if not slash:
            return
