"""How names of videos are compared: what never counts, and what a card may say does not count.

Never: ./ before a path, backslashes for slashes, and in which of its two forms an accent is written
(Unicode Standard Annex 15: NFC of Windows and Linux, NFD of macOS). The rest is a decision that a
card takes, in words, for it could make two files one.
"""

import re
import unicodedata
from collections.abc import Iterator, Set

__all__ = ["WORDS", "file_keys", "has_video_ending", "label_key", "parse_words", "plain_path"]

# Of each word of `match`, what does not count then; the most harmless first.
WORDS = {
    "any-case": "upper and lower case",
    "any-ending": "its ending",
    "any-folder": "its folder",
    "any-blank": "blanks, _ and -",
    "any-zeros": "leading zeros",
    "begins": "what follows",
}

_ENDINGS = {
    "3g2", "3gp", "asf", "avi", "dv", "f4v", "flv", "gif", "h264", "h265", "hevc", "264", "265",
    "ivf", "m1v", "m2ts", "m2v", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4", "mpe", "mpeg", "mpg",
    "mts", "mxf", "nut", "obu", "ogg", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv", "y4m",
    "yuv",
}  # fmt: skip
_BLANKS = re.compile(r"(?:%20|[\s_-])+")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
Key = tuple[str, str]


def has_video_ending(name: str) -> bool:
    """Whether a name ends as those of video files do.

    >>> has_video_ending("b/1.MP4"), has_video_ending("run_23.98fps"), has_video_ending("mp4")
    (True, False, False)
    """
    stem, dot, ending = name.rpartition(".")
    return bool(stem and dot) and ending.lower() in _ENDINGS


def plain_path(name: str) -> str:
    """A path with what never counts taken off: ./, doubled and backward slashes, forms of Unicode.

    >>> plain_path("./sub\\\\a.mp4"), plain_path("/data//a.mp4"), plain_path("https://a/b.mp4")
    ('sub/a.mp4', '/data/a.mp4', 'https://a/b.mp4')
    """
    path = unicodedata.normalize("NFC", name).replace("\\", "/")
    address = re.match(r"\w[\w+.-]+://", path)
    start = address[0] if address else "/" if path.startswith("/") else ""
    parts = path[len(start) :].split("/")
    return start + "/".join(part for part in parts if part not in ("", "."))


def parse_words(match: str | None) -> frozenset[str] | None:
    """The words that a card's `match` is made of; None where it is a regular expression.

    >>> sorted(parse_words("any-case any-ending")), parse_words(r"(\\d+)\\.mp4"), parse_words(None)
    (['any-case', 'any-ending'], None, frozenset())
    """
    words = frozenset((match or "").split())
    return words if words <= WORDS.keys() else None


def label_key(video: str, words: Set[str]) -> Key:
    """Folder and name of a label id, without what does not count."""
    folder, _, name = plain_path(video).rpartition("/")
    if "any-folder" in words:
        folder = ""
    if words & {"any-ending", "begins"}:
        name = _without_ending(name)
    return _folded(folder, words), _folded(name, words)


def file_keys(file: str, words: Set[str]) -> Iterator[Key]:
    """What label ids may say of a file: the path, or its end from a folder on, most of it first."""
    folder, _, name = plain_path(file).rpartition("/")
    names = [_without_ending(name) if words & {"any-ending", "begins"} else name]
    if "begins" in words:
        names = list(_beginnings(names[0]))
    folders = [""] if "any-folder" in words else list(_ends(folder))
    for each in names:
        for end in folders:
            yield _folded(end, words), _folded(each, words)


def _without_ending(name: str) -> str:
    return name.rpartition(".")[0] if has_video_ending(name) else name


def _folded(text: str, words: Set[str]) -> str:
    if "any-case" in words:
        text = unicodedata.normalize("NFC", text.casefold())
    if "any-blank" in words:
        text = _BLANKS.sub(" ", text)
    if "any-zeros" in words:
        text = _LEADING_ZEROS.sub("", text)
    return text


def _beginnings(name: str) -> Iterator[str]:
    """The name, and what it begins with, longest first; never half a word or half a number."""
    for end in range(len(name), 0, -1):
        if end == len(name) or not (name[end - 1].isalnum() and name[end].isalnum()):
            yield name[:end]


def _ends(folder: str) -> Iterator[str]:
    """The folder, and it without its first folder, its first two, and so on, to nothing."""
    while folder:
        yield folder
        folder = folder.partition("/")[2]
    yield ""
