"""Which clips are meant: files, folders, patterns, addresses, and lists of all of these."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from vqathinker.errors import InputError

__all__ = ["SUFFIXES", "find_clips", "is_address"]

# Of the files in a folder; a file that is named by itself may have any.
SUFFIXES: Final = frozenset(
    {
        ".3gp", ".asf", ".avi", ".flv", ".gif", ".h264", ".hevc", ".ivf", ".m2ts", ".m4v", ".mj2",
        ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogg", ".ogv",
        ".ts", ".vob", ".webm", ".wmv", ".y4m",
    }
)  # fmt: skip
_LIST = "-"


def is_address(clip: str) -> bool:
    """Whether a clip is on the web."""
    return clip.lower().startswith(("http://", "https://"))


def find_clips(given: Iterable[str], listed: Iterable[str] = ()) -> list[str]:
    """The clips that are meant, each once, in the order in which they were given.

    Args:
        given: files and addresses stand for themselves, whether they are there or not; a folder
            for every video below it, by name; a pattern (`*`, `?`, `[…]`, `**`) for what it
            matches; `-` for the lines of `listed`.
        listed: lines, each as `given`; empty ones count for nothing.

    Raises:
        InputError: a folder holds no video, a pattern matches nothing, or nothing was given.
    """
    lines = [line.strip() for line in listed]
    spread = [each for clip in given for each in (lines if clip == _LIST else [clip]) if each]
    found = list(dict.fromkeys(clip for each in spread for clip in _meant(each)))
    if not found:
        raise InputError("no clip was given: name a file, a folder, a pattern or an address")
    return found


def _meant(clip: str) -> Iterator[str]:
    path = Path(clip)
    if is_address(clip) or path.is_file():
        yield clip
    elif path.is_dir():
        yield from _of_folder(path)
    elif glob.has_magic(clip):
        matched = sorted(glob.glob(clip, recursive=True))  # noqa: PTH207  absolute ones, too
        if not matched:
            raise InputError(f"{clip}: matches no file: look at the pattern, and quote it")
        for each in matched:
            yield from _of_folder(Path(each)) if Path(each).is_dir() else [each]
    else:
        yield clip


def _of_folder(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
    clips = sorted(str(path) for path in found if path.is_file() and not path.name.startswith("."))
    if not clips:
        raise InputError(f"{folder}: holds no file with the name of a video, such as clip.mp4")
    return clips
