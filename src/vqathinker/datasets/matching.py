"""From label ids to files on disk: list the videos of a set, and find the one of each label.

Names differ between labels and disks, see the notes of the cards: LIVE-YT-HFR's .mp4 are .webm,
Waterloo's HEVC_01_960x540_1.mp4 is HEVC/01/960x540_1.mp4, KoNViD uses the leading digits, nine
videos of LIVE-VQC end in NEW. `match` in a card tells what the two names have in common. Three
differences never count: ./ before a path, backslashes for slashes, and the Unicode form of an
accent (Unicode Standard Annex 15: NFC on Windows and Linux, NFD on macOS).
"""

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from vqathinker.acquisition.partial import is_unfinished
from vqathinker.datasets.card import MATCH_WORDS, LabelError
from vqathinker.errors import InputError

_ENDINGS = {
    "3gp", "asf", "avi", "flv", "gif", "h264", "h265", "hevc", "m2ts", "m4v", "mjpeg", "mkv", "mov",
    "mp4", "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm", "wmv", "y4m", "yuv",
}  # fmt: skip
_MOST_NAMED = 5


def join_first(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """The first names of a long list, for messages.

    >>> join_first(["a", "b", "c"], 3), join_first(["a", "b", "c"], 1)
    ('a, b, c', 'a and 2 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield every file below `folder`, through links to files and folders, in any order.

    Pipes and broken links are included, so that they get a reason later. Unfinished downloads are
    not. A missing folder has no files.

    Raises:
        InputError: a link leads back to a folder above it, or a folder cannot be read.
    """
    if not folder.is_dir():
        return
    for root, _, names in os.walk(folder, onerror=_refuse, followlinks=True):
        place = Path(root)
        above = [folder, *(each for each in place.parents if each.is_relative_to(folder))]
        if place != folder and place.resolve() in {each.resolve() for each in above}:
            raise InputError(f"{place}: this link leads back to a folder above; remove it")
        yield from (place / name for name in names if not is_unfinished(name))


def _refuse(error: OSError) -> NoReturn:
    raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None


def video_files(folder: Path) -> list[str]:
    """Every file below `folder` as a sorted path from there, see `walk_files`.

    Hidden files, and `__MACOSX` from archives of macOS, are left out.
    """
    paths = (path.relative_to(folder) for path in walk_files(folder))
    ignored = re.compile(r"(.*/)?(\.|__MACOSX/)")
    return sorted(name for path in paths if not ignored.match(name := path.as_posix()))


def plain_path(name: str) -> str:
    """A path with forward slashes, in NFC, without ./ and doubled slashes.

    >>> plain_path("./sub\\\\a.mp4"), plain_path("/data//a.mp4")
    ('sub/a.mp4', '/data/a.mp4')
    """
    path = unicodedata.normalize("NFC", name).replace("\\", "/")
    start = "/" if path.startswith("/") else ""
    return start + "/".join(part for part in path.split("/") if part not in ("", "."))


def match_videos(ids: Iterable[str], files: Iterable[str], match: str | None) -> dict[str, str]:
    """Find the file of each label id.

    Args:
        files: paths below videos/, with forward slashes.
        match: see `Card`. A regular expression applies to the id, and to the end of a path from a
            folder on. With words or None, the id is a path, or the end of one from a folder on.

    Returns:
        Id to file, without the ids that have no file.

    Raises:
        LabelError: two files match one id, one file matches two ids, or an id does not match the
            regular expression. A path that equals the id comes before one that ends in it, and that
            before one that only resembles it.
    """
    ids, files = list(ids), sorted(set(files))
    words = set((match or "").split())
    if words <= {*MATCH_WORDS}:
        candidates = _by_end(ids, files, ())
        # A file that has the very name of a label belongs to no other label.
        named = {file for found in candidates.values() for file in found}
        if words:
            rest = [video for video in ids if not candidates[video]]
            candidates |= _by_end(rest, [file for file in files if file not in named], words)
    else:
        candidates = _by_pattern(ids, files, str(match))
    matched: dict[str, str] = {}
    taken: dict[str, str] = {}
    for video, found in candidates.items():
        if len(found) > 1:
            raise LabelError(
                f"video {video!r} could be each of {len(found)} files: {join_first(found)}; keep "
                "one of them"
            )
        for file in found:
            if file in taken:
                raise LabelError(f"{file} matches both {taken[file]!r} and {video!r}")
            taken[file] = video
            matched[video] = file
    return matched


def describe_mismatch(ids: Sequence[str], files: Sequence[str]) -> str:
    """How labels and files look, for a set of which labels find no video."""
    shown = [", ".join(map(repr, names[:3])) for names in (ids, files)]
    return (
        f"labels such as {shown[0]} find no video among files such as {shown[1]}; `match` in the "
        "card says what both have in common (docs/datasets.md)"
    )


def _by_pattern(ids: Sequence[str], files: Sequence[str], pattern: str) -> dict[str, list[str]]:
    regex = re.compile(rf"(?:^|/)(?:{pattern})\Z")
    table: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        if found := regex.search(plain_path(file)):
            table.setdefault(found.groups(""), []).append(file)
    candidates = {}
    for video in ids:
        if not (found := regex.search(plain_path(video))):
            raise LabelError(f"video {video!r} does not match `match` of the card, {pattern}")
        candidates[video] = table.get(found.groups(""), [])
    return candidates


def _by_end(
    ids: Sequence[str], files: Sequence[str], words: Collection[str]
) -> dict[str, list[str]]:
    """Files whose path is the id, or else ends in it from a folder on."""
    keys = {video: _key(video, words) for video in ids}
    wanted = set(keys.values())
    whole: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for file in files:
        end = _key(file, words)
        whole.setdefault(end, []).append(file)
        while "/" in end:
            end = end.partition("/")[2]
            if end in wanted:
                ends.setdefault(end, []).append(file)
    return {video: whole.get(key) or ends.get(key, []) for video, key in keys.items()}


def _key(name: str, words: Collection[str]) -> str:
    """A path without what the words name."""
    path = plain_path(name)
    stem, _, ending = path.rpartition(".")
    if "any-ending" in words and stem and ending.lower() in _ENDINGS:
        path = stem
    if "any-case" in words:
        path = unicodedata.normalize("NFC", path.casefold())
    return path.rpartition("/")[2] if "any-folder" in words else path
