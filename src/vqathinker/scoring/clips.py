"""Find the clips to score: files, folders, patterns, addresses, and lists of these.

On Linux, file names are bytes and need not be UTF-8. Python represents other bytes as lone
surrogates, which cannot be encoded, so names are escaped before they are written or printed.
"""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from vqathinker.errors import InputError, explain

# Files in a folder are clips if they have one of these suffixes. You can name any other file.
SUFFIXES: Final = frozenset(
    {
        ".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".gif", ".h264", ".hevc", ".ivf", ".m2ts",
        ".m2v", ".m4v", ".mj2", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut",
        ".obu", ".ogg", ".ogv", ".qt", ".ts", ".vob", ".webm", ".wmv", ".y4m",
    }
)  # fmt: skip


class Skipped(NamedTuple):
    """A file or folder that is not scored, and why."""

    path: str
    reason: str


class FoundClips(NamedTuple):
    """Clips in order, without duplicates, and the other files in their folders."""

    clips: list[str]
    skipped: list[Skipped]


def is_address(clip: str) -> bool:
    """Whether a clip is an http(s) address."""
    return clip.lower().startswith(("http://", "https://"))


def parse_list(content: bytes, *, null: bool = False) -> list[str]:
    r"""The names in a list; spaces at either end are part of a name.

    Args:
        content: one name per line, which ends in `\n` or `\r\n`; may start with a byte-order mark.
        null: names end in NUL instead of a line end.

    Raises:
        InputError: the list contains NUL without `null`.

    >>> parse_list(b" a.mp4\r\n\nb.mp4 \n")
    [' a.mp4', 'b.mp4 ']
    """
    if not null and b"\0" in content:
        raise InputError(
            "the list on standard input contains NUL bytes; expected lines: add --null"
        )
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    names = content.split(b"\0") if null else [line.removesuffix(b"\r") for line in lines]
    return [os.fsdecode(name) for name in names if name]


def find_clips(names: Iterable[str], listed: Sequence[str] = ()) -> FoundClips:
    """Find clips by name, in the given order.

    Args:
        names: files and addresses, which need not exist; folders, which are replaced by every
            video below them, sorted by name, following links; patterns (`*`, `?`, `[…]`, `**`); and
            `-`, which is replaced by `listed`.
        listed: more names, with the same meaning.

    Raises:
        InputError: a folder contains no video, a pattern matches nothing, or there are no names.
    """
    clips: dict[str, None] = {}
    skipped: dict[Skipped, None] = {}
    for clip in (each for name in names for each in (listed if name == "-" else [name])):
        for path in _expand(clip):
            found = _in_folder(path) if os.path.isdir(path) else FoundClips([path], [])  # noqa: PTH112
            clips.update(dict.fromkeys(found.clips))
            skipped.update(dict.fromkeys(found.skipped))
    if not clips:
        raise InputError("no clips: expected a file, a folder, a pattern or an address")
    return FoundClips(list(clips), list(skipped))


def _expand(clip: str) -> list[str]:
    # A path that exists is not a pattern, even if its name contains brackets.
    # os.path.exists is false for names that are too long; Path.exists raises OSError.
    if is_address(clip) or os.path.exists(clip) or not glob.has_magic(clip):  # noqa: PTH110
        return [clip]
    if matched := sorted(glob.glob(clip, recursive=True)):  # noqa: PTH207  absolute ones, too
        return matched
    raise InputError(f"{printable(clip)}: matches no file; check the pattern, and quote it")


def _in_folder(root: str) -> FoundClips:
    clips: list[str] = []
    skipped: list[Skipped] = []
    visited: dict[str, str] = {}  # real path: first path, because links can form circles

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
                skipped.append(Skipped(str(path), "not the suffix of a video"))
            elif os.path.isfile(path):  # noqa: PTH113  false without permission, no error
                clips.append(str(path))
            else:
                skipped.append(Skipped(str(path), "not a readable file"))
    if not clips:
        first = f"; the first of {len(skipped)} files is {skipped[0].path}" if skipped else ""
        raise InputError(printable(f"{root}: contains no video{first}"))
    return FoundClips(sorted(clips), sorted(skipped))


def escape_bytes(name: str) -> str:
    r"""Escape bytes that are not UTF-8, for JSON and CSV.

    >>> escape_bytes("caf\udce9.mp4")
    'caf\\xe9.mp4'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def printable(name: str) -> str:
    r"""Escape bytes that are not UTF-8 and control characters, for terminals and figures.

    >>> printable("a\x1b[2J\n.mp4")
    'a\\x1b[2J\\n.mp4'
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in escape_bytes(name))
