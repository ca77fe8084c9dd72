"""Find the clips to score: files, folders, patterns, addresses, and lists of these.

Names are written so that every file and terminal can show them. On Linux a name is bytes and need
not be UTF-8; Python represents other bytes as lone surrogates, which cannot be encoded.
"""

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from vqathinker.errors import InputError, explain

# Files in a folder with one of these are clips. Any file may be named by itself.
SUFFIXES: Final = frozenset(
    {
        ".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".gif", ".h264", ".hevc", ".ivf", ".m2ts",
        ".m2v", ".m4v", ".mj2", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut",
        ".obu", ".ogg", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv", ".y4m",
    }
)  # fmt: skip


class Skipped(NamedTuple):
    """A file or folder below a given folder that is not scored, and why."""

    path: str
    reason: str


class Found(NamedTuple):
    """Clips, each once, in order; and what their folders hold besides."""

    clips: list[str]
    skipped: list[Skipped]


def is_address(clip: str) -> bool:
    """Whether a clip is on the web."""
    return clip.lower().startswith(("http://", "https://"))


def read_list(content: bytes, *, null: bool = False) -> list[str]:
    r"""The names in a list; blanks belong to a name.

    Args:
        content: one name per line, after a byte-order mark or none; line ends are `\n` and `\r\n`.
        null: names end in NUL instead, so that they may hold line ends.

    Raises:
        InputError: a NUL in a list of lines.

    >>> read_list(b" a.mp4\r\n\nb.mp4 \n")
    [' a.mp4', 'b.mp4 ']
    """
    if not null and b"\0" in content:
        raise InputError("the list on standard input holds NUL bytes: expected --null with it")
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    names = content.split(b"\0") if null else [line.removesuffix(b"\r") for line in lines]
    return [os.fsdecode(name) for name in names if name]


def find_clips(given: Iterable[str], listed: Iterable[str] = ()) -> Found:
    """Clips in the order in which they were given.

    Args:
        given: files and addresses stand for themselves, whether they exist or not; a folder for
            every video below it, by name, through links too; a pattern (`*`, `?`, `[…]`, `**`) for
            what it matches; `-` for `listed`.
        listed: names, each as `given`.

    Raises:
        InputError: a folder holds no video, a pattern matches nothing, or nothing was given.
    """
    names = list(listed)
    clips: dict[str, None] = {}
    skipped: dict[Skipped, None] = {}
    for each in (each for clip in given for each in (names if clip == "-" else [clip])):
        for path in _expand(each):
            found = _in_folder(path) if os.path.isdir(path) else Found([path], [])  # noqa: PTH112
            clips.update(dict.fromkeys(found.clips))
            skipped.update(dict.fromkeys(found.skipped))
    if not clips:
        raise InputError("no clip was given: name a file, a folder, a pattern or an address")
    return Found(list(clips), list(skipped))


def _expand(clip: str) -> list[str]:
    """What a pattern matches; an existing path or an address is no pattern."""
    # os.path.exists is false for names that are too long; Path.exists raises OSError.
    if is_address(clip) or os.path.exists(clip) or not glob.has_magic(clip):  # noqa: PTH110
        return [clip]
    if matched := sorted(glob.glob(clip, recursive=True)):  # noqa: PTH207  absolute ones, too
        return matched
    raise InputError(f"{shown_name(clip)}: matches no file: check the pattern, and quote it")


def _in_folder(root: str) -> Found:
    """Videos below a folder; links are followed, and each folder is visited once."""
    clips: list[str] = []
    skipped: list[Skipped] = []
    visited: dict[str, str] = {}

    def cannot_list(error: OSError) -> None:
        reason = explain(OSError(error.errno, error.strerror))
        skipped.append(Skipped(str(error.filename), reason))

    for folder, folders, files in os.walk(root, onerror=cannot_list, followlinks=True):
        first = visited.setdefault(os.path.realpath(folder), folder)
        if first != folder:
            skipped.append(Skipped(folder, f"the same folder as {first}"))
            folders.clear()
            continue
        skipped += [Skipped(str(Path(folder, name)), "hidden")
                    for name in (*folders, *files) if name.startswith(".")]  # fmt: skip
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(folder, name) for name in files if not name.startswith(".")):
            if path.suffix.lower() not in SUFFIXES:
                skipped.append(Skipped(str(path), "its name does not end like that of a video"))
            elif os.path.isfile(path):  # noqa: PTH113  false without permission, no error
                clips.append(str(path))
            else:
                skipped.append(Skipped(str(path), "not a file that this user can read"))
    if not clips:
        first = f"; the first of {len(skipped)} files is {skipped[0].path}" if skipped else ""
        raise InputError(shown_name(f"{root}: holds no video{first}"))
    return Found(sorted(clips), sorted(skipped))


def written_name(name: str) -> str:
    r"""A name for JSON and CSV: bytes that are not UTF-8 are escaped.

    >>> written_name("caf\udce9.mp4")
    'caf\\xe9.mp4'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def shown_name(name: str) -> str:
    r"""A name for terminals and figures: control characters are escaped, too.

    >>> shown_name("a\x1b[2J\n.mp4")
    'a\\x1b[2J\\n.mp4'
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in written_name(name))
