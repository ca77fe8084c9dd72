"""Find the clips to score: files, folders, patterns, addresses, and lists of these.

Names of clips are written so that every file and terminal can show them. On Linux a name is bytes
and need not be UTF-8; Python represents such bytes as lone surrogates, which cannot be encoded.
They are written as `\\xe9`.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from vqathinker.content import document_in
from vqathinker.errors import InputError, explain

# A file of a folder with one of these is a clip whatever it holds, and has a failure where it
# cannot be read. Any other file is one if its content is a video.
SUFFIXES: Final = frozenset(
    {
        ".3gp", ".asf", ".avi", ".flv", ".gif", ".h264", ".hevc", ".ivf", ".m2ts", ".m4v", ".mj2",
        ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogg", ".ogv",
        ".ts", ".vob", ".webm", ".wmv", ".y4m",
    }
)  # fmt: skip
_LIST: Final = "-"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
# Statuses of a file that is no video; other faults are reported when the clip is scored.
_NO_VIDEO: Final = {"not_a_file", "empty", "no_container", "no_video_stream"}
# Pictures in the container of mp4, by the brand at byte 8: HEIF and AVIF.
_STILL_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif"}
_ESCAPE = re.compile(r"\\x[0-9a-f]{2}")
_SURROGATE = re.compile("[\udc80-\udcff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Skipped(NamedTuple):
    """A file or folder below a given folder that is not scored, and why."""

    path: str
    reason: str


class Found(NamedTuple):
    """The clips that are meant, each once, in order; and what folders hold besides them."""

    clips: list[str]
    skipped: list[Skipped]


def is_address(clip: str) -> bool:
    """Whether a clip is on the web."""
    return clip.lower().startswith(("http://", "https://"))


def read_list(content: bytes, *, null: bool = False) -> list[str]:
    r"""The names in a list, as the system has them: blanks belong to a name.

    Args:
        content: a name a line, after a byte-order mark or none; line ends are `\n` and `\r\n`.
        null: names end in NUL instead, so that they may hold line ends.

    Raises:
        InputError: a NUL in a list of lines.

    >>> read_list(b" a.mp4\r\n\nb.mp4 \n")
    [' a.mp4', 'b.mp4 ']
    """
    if null:
        names = content.split(b"\0")
    elif b"\0" in content:
        raise InputError("the list on standard input holds NUL bytes: expected --null with it")
    else:
        lines = content.removeprefix(_BYTE_ORDER_MARK).split(b"\n")
        names = [line.removesuffix(b"\r") for line in lines]
    return [os.fsdecode(name) for name in names if name]


def find_clips(given: Iterable[str], listed: Iterable[str] = ()) -> Found:
    """The clips that are meant, in the order in which they were given.

    Args:
        given: files and addresses stand for themselves, whether they are there or not; a folder
            for every video below it, by name, through links too; a pattern (`*`, `?`, `[…]`, `**`)
            for what it matches; `-` for `listed`.
        listed: names, each as `given`.

    Raises:
        InputError: a folder holds no video, a pattern matches nothing, or nothing was given.
    """
    names = list(listed)
    spread = [each for clip in given for each in (names if clip == _LIST else [clip])]
    clips: dict[str, None] = {}
    skipped: dict[Skipped, None] = {}
    for each in spread:
        found = _meant(each)
        clips.update(dict.fromkeys(found.clips))
        skipped.update(dict.fromkeys(found.skipped))
    if not clips:
        raise InputError("no clip was given: name a file, a folder, a pattern or an address")
    return Found(list(clips), list(skipped))


def _meant(clip: str) -> Found:
    if is_address(clip) or os.path.isfile(clip):  # noqa: PTH113  false for names that are too long
        return Found([clip], [])
    if os.path.isdir(clip):  # noqa: PTH112
        return _of_folder(clip)
    if not glob.has_magic(clip):
        return Found([clip], [])
    matched = sorted(glob.glob(_pattern(clip), recursive=True))  # noqa: PTH207  absolute ones, too
    if not matched:
        raise InputError(f"{shown_name(clip)}: matches no file: look at the pattern, and quote it")
    found = [_of_folder(each) if os.path.isdir(each) else Found([each], [])  # noqa: PTH112
             for each in matched]  # fmt: skip
    return Found([one for each in found for one in each.clips],
                 [one for each in found for one in each.skipped])  # fmt: skip


def _pattern(clip: str) -> str:
    """Escape the part of a pattern that is an existing folder, such as `set[1]`."""
    parts = clip.split("/")
    for number in range(len(parts) - 1, 0, -1):
        folder = "/".join(parts[:number])
        if folder and glob.has_magic(folder) and os.path.isdir(folder):  # noqa: PTH112
            return "/".join([glob.escape(folder), *parts[number:]])
    return clip


def _of_folder(folder: str) -> Found:
    files, skipped = _walk(Path(folder))
    unsure = [path for path in files if path.suffix.lower() not in SUFFIXES]
    reasons = dict(zip(unsure, _why_no_video(unsure), strict=True))
    clips = sorted(str(path) for path in files if reasons.get(path) is None)
    skipped += [Skipped(str(path), reason) for path, reason in reasons.items() if reason]
    if not clips:
        first = f"; the first of {len(skipped)} files is {skipped[0].path}" if skipped else ""
        raise InputError(f"{shown_name(folder + ': holds no video' + first)}")
    return Found(clips, sorted(skipped))


def _walk(root: Path) -> tuple[list[Path], list[Skipped]]:
    """Files below a folder, links followed and each folder once; and what is not looked into."""
    files: list[Path] = []
    skipped: list[Skipped] = []
    seen: dict[tuple[int, int], Path] = {}
    folders, links = [root], list[Path]()
    kinds = {"folder": folders, "link to a folder": links, "file": files}
    while folders or links:
        here = folders.pop() if folders else links.pop(0)
        try:
            facts = here.stat()
            if (first := seen.setdefault((facts.st_dev, facts.st_ino), here)) != here:
                skipped.append(Skipped(str(here), f"the same folder as {first}"))
                continue
            entries = sorted(here.iterdir())
        except OSError as error:
            skipped.append(Skipped(str(here), _without_path(error)))
            continue
        for path in entries:
            kind = _kind_of(path)
            if kind in kinds:
                kinds[kind].append(path)
            else:
                skipped.append(Skipped(str(path), kind))
    return files, skipped


def _kind_of(path: Path) -> str:
    """`file`, `folder` or `link to a folder`; for anything else, why it is skipped."""
    if path.name.startswith("."):
        return "hidden"
    try:  # in a folder with permission r but not x, nothing can be known of its entries
        if path.is_dir():
            return "link to a folder" if path.is_symlink() else "folder"
        if path.is_file():
            return "file"
        return "a link that leads nowhere" if path.is_symlink() else "no regular file"
    except OSError as error:
        return _without_path(error)


def _without_path(error: OSError) -> str:
    return explain(OSError(error.errno, error.strerror))


def _why_no_video(paths: list[Path]) -> Iterator[str | None]:
    """For each file, why it is no video; None where it is one. Its name does not matter."""
    if not paths:
        return
    from vqathinker.scoring.sample import WORKER_MODULES  # noqa: PLC0415  not for named files
    from vqathinker.video.damage import DamagedVideo  # noqa: PLC0415
    from vqathinker.video.workers import (  # noqa: PLC0415
        Limits,
        preload_modules,
        run_in_workers,
    )

    preload_modules(*WORKER_MODULES)
    items = [(str(path),) for path in paths]
    outcomes = dict(run_in_workers(_look_into, items, Limits(timeout_s=20, memory_mb=2000)))
    for outcome in (outcomes[number] for number in range(len(items))):
        if isinstance(outcome, DamagedVideo):
            yield outcome.reason if outcome.status in _NO_VIDEO else None
        else:
            yield outcome


def _look_into(file: str) -> str | None:
    """In the worker: what is at `file` in the place of a video; None: nothing."""
    from vqathinker.video.container import open_video  # noqa: PLC0415  callers do without

    path = Path(file)
    try:
        if (other := document_in(path)) is not None:
            return other.instead_of("a video")
        with path.open("rb") as opened:
            start = opened.read(12)
        if start[4:8] == b"ftyp" and start[8:12] in _STILL_BRANDS:
            return "a picture, not a video"
        with open_video(path) as (_, stream):
            return None if stream.width else "no video that can be decoded"
    except OSError as error:
        return _without_path(error)


def written_name(name: str) -> str:
    r"""A name for JSON and CSV. Other bytes than UTF-8 are escaped, all else stays as it is.

    No two names are written alike: where a name has an escape, or what looks like one, its
    backslashes are doubled.

    >>> written_name("caf\udce9.mp4")
    'caf\\xe9.mp4'
    >>> written_name(r"caf\xe9.mp4")
    'caf\\\\xe9.mp4'
    """
    if _SURROGATE.search(name) or _ESCAPE.search(name):
        name = name.replace("\\", "\\\\")
    return _SURROGATE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", name)


def shown_name(name: str) -> str:
    r"""A name for terminals and figures: control characters are escaped, too.

    >>> shown_name("a\x1b[2J\n.mp4")
    'a\\x1b[2J\\x0a.mp4'
    """

    def escaped(found: re.Match[str]) -> str:
        number = ord(found[0])
        return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"

    return _CONTROL.sub(escaped, written_name(name))
