"""Match label ids with video files: list the videos of a set and find the one for each label.

File names differ from labels (see the notes of the cards): LIVE-YT-HFR's .mp4 are .webm files,
Waterloo's HEVC_01_960x540_1.mp4 is HEVC/01/960x540_1.mp4, KoNViD's ids are the leading digits, nine
names of LIVE-VQC end in NEW. `match` in a card defines the correspondence. Three differences are
always ignored: a leading ./, backslashes for slashes, and the Unicode form of accents (Unicode
Standard Annex 15: NFC on Windows and Linux, NFD on macOS).
"""

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from vqathinker.acquisition.partial import is_partial_file
from vqathinker.datasets.card import MATCH_OPTIONS, LabelError
from vqathinker.errors import InputError

_VIDEO_SUFFIXES = {
    "3gp", "asf", "avi", "flv", "gif", "h264", "h265", "hevc", "m2ts", "m4v", "mjpeg", "mkv", "mov",
    "mp4", "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm", "wmv", "y4m", "yuv",
}  # fmt: skip
_MAX_LISTED = 5


def format_names(names: Sequence[str], most: int = _MAX_LISTED) -> str:
    """Format the first names of a list for a message.

    >>> format_names(["a", "b", "c"], 3), format_names(["a", "b", "c"], 1)
    ('a, b, c', 'a and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield every file below `folder` in any order, following links.

    Pipes and broken links are included, so that a later step reports them. Partial downloads are
    skipped. A missing folder counts as empty.

    Raises:
        InputError: a link leads back to a folder above it, or a folder cannot be read.
    """
    if not folder.is_dir():
        return
    for root, _, names in os.walk(folder, onerror=_raise_unreadable, followlinks=True):
        place = Path(root)
        above = [folder, *(each for each in place.parents if each.is_relative_to(folder))]
        if place != folder and place.resolve() in {each.resolve() for each in above}:
            raise InputError(f"{place}: this link leads back to a folder above it; remove it")
        yield from (place / name for name in names if not is_partial_file(name))


def _raise_unreadable(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None


def video_files(folder: Path) -> list[str]:
    """List every file below `folder` as a sorted relative path, see `walk_files`.

    Hidden files and `__MACOSX`, which archives from macOS contain, are skipped.
    """
    paths = (path.relative_to(folder) for path in walk_files(folder))
    ignored = re.compile(r"(.*/)?(\.|__MACOSX/)")
    return sorted(name for path in paths if not ignored.match(name := path.as_posix()))


def normalize_path(name: str) -> str:
    """Convert a path to forward slashes and NFC, and remove ./ and doubled slashes.

    >>> normalize_path("./sub\\\\a.mp4"), normalize_path("/data//a.mp4")
    ('sub/a.mp4', '/data/a.mp4')
    """
    path = unicodedata.normalize("NFC", name).replace("\\", "/")
    start = "/" if path.startswith("/") else ""
    return start + "/".join(part for part in path.split("/") if part not in ("", "."))


def match_videos(ids: Iterable[str], files: Iterable[str], match: str | None) -> dict[str, str]:
    """Find the file of each label id.

    Without a regular expression, a path that equals the id has priority over a path that ends in
    it, and both have priority over a path that agrees only up to `match`.

    Args:
        files: paths below videos/, with forward slashes.
        match: see `Card`. A regular expression must match the end of the id and of the path, from
            the start of a folder or file name.

    Returns:
        Files by id, without the ids that have no file.

    Raises:
        LabelError: two files match one id, one file matches two ids, or an id does not match the
            regular expression.
    """
    ids, files = list(ids), sorted(set(files))
    words = set((match or "").split())
    if words <= {*MATCH_OPTIONS}:
        candidates = _match_by_path(ids, files, ())
        # A file whose path equals a label belongs to no other label.
        named = {file for found in candidates.values() for file in found}
        if words:
            rest = [video for video in ids if not candidates[video]]
            candidates |= _match_by_path(rest, [file for file in files if file not in named], words)
    else:
        candidates = _match_by_pattern(ids, files, str(match))
    matched: dict[str, str] = {}
    id_of_file: dict[str, str] = {}
    for video, found in candidates.items():
        if len(found) > 1:
            raise LabelError(
                f"video {video!r} matches {len(found)} files: {format_names(found)}; keep one of "
                "them"
            )
        for file in found:
            if file in id_of_file:
                raise LabelError(f"{file} matches both {id_of_file[file]!r} and {video!r}")
            id_of_file[file] = video
            matched[video] = file
    return matched


def describe_mismatch(ids: Sequence[str], files: Sequence[str]) -> str:
    """Message for a set in which no label matches a file, with examples of both."""
    examples = [", ".join(map(repr, names[:3])) for names in (ids, files)]
    return (
        f"no label (such as {examples[0]}) matches a file (such as {examples[1]}); set `match` in "
        "the card (docs/datasets.md)"
    )


def _match_by_pattern(
    ids: Sequence[str], files: Sequence[str], pattern: str
) -> dict[str, list[str]]:
    regex = re.compile(rf"(?:^|/)(?:{pattern})\Z")
    table: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        if found := regex.search(normalize_path(file)):
            table.setdefault(found.groups(""), []).append(file)
    candidates = {}
    for video in ids:
        if not (found := regex.search(normalize_path(video))):
            raise LabelError(f"video {video!r} does not match `match` of the card, {pattern}")
        candidates[video] = table.get(found.groups(""), [])
    return candidates


def _match_by_path(
    ids: Sequence[str], files: Sequence[str], words: Collection[str]
) -> dict[str, list[str]]:
    """Files whose path equals the id; otherwise, files whose path ends in it."""
    keys = {video: _match_key(video, words) for video in ids}
    wanted = set(keys.values())
    by_path: dict[str, list[str]] = {}
    by_end: dict[str, list[str]] = {}
    for file in files:
        end = _match_key(file, words)
        by_path.setdefault(end, []).append(file)
        while "/" in end:
            end = end.partition("/")[2]
            if end in wanted:
                by_end.setdefault(end, []).append(file)
    return {video: by_path.get(key) or by_end.get(key, []) for video, key in keys.items()}


def _match_key(name: str, words: Collection[str]) -> str:
    """A path reduced to the parts that must be equal."""
    path = normalize_path(name)
    stem, _, ending = path.rpartition(".")
    if "any-ending" in words and stem and ending.lower() in _VIDEO_SUFFIXES:
        path = stem
    if "any-case" in words:
        path = unicodedata.normalize("NFC", path.casefold())
    return path.rpartition("/")[2] if "any-folder" in words else path
