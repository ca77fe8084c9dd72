"""The text of a label file, whichever program has saved it, or what the file is instead.

UTF-8 with or without its mark, UTF-16 and UTF-32 by theirs. Other encodings cannot be told from
each other, so a file in one of them is refused with the place and the command that converts it.
"""

import codecs
from pathlib import Path
from shlex import quote
from typing import NoReturn

from vqathinker.content import Content, document_in
from vqathinker.datasets.card import LabelError

__all__ = ["read_label_text"]

_MOST_LETTERS_TO_A_ZERO = 4
# UTF-32 comes before UTF-16, whose mark it begins with.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_PACKED = {
    b"PK": Content("a zip archive", "unpack it first"),
    b"\x1f\x8b": Content("packed with gzip", "gunzip it first"),
    b"BZh": Content("packed with bzip2", "bunzip2 it first"),
    b"\xfd7zXZ": Content("packed with xz", "unxz it first"),
}


def read_label_text(path: Path) -> str:
    """Read a label file as text, without a byte order mark; line ends as they are.

    Raises:
        LabelError: there is none, it is something else (a web page, a workbook, a pointer of Git
            LFS), or it is in an encoding that cannot be told.
    """
    try:
        content = path.read_bytes()
        found = document_in(path)
    except FileNotFoundError:
        raise LabelError(f"{path}: no label file") from None
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror})") from None
    if content and (found is None or not found.is_text):
        found = found or next(
            (_PACKED[start] for start in _PACKED if content.startswith(start)), None
        )
        if found is not None:
            raise LabelError(f"{path}: is {found.instead_of('a list of labels')}")
    return _decode(content, path)


def _decode(content: bytes, path: Path) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    if encoding.startswith("utf-8") and b"\0" in content:
        _refuse_zeros(content, path)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LabelError(
            f"{path}, line {line}: the byte 0x{content[error.start]:02x} at offset {error.start} "
            f"is no {encoding.removesuffix('-sig').upper()}. Convert the file from the encoding "
            "that it was saved in, cp1252 or latin1 if in Western Europe, gb18030 if in China: "
            f"{_conversion(path, _western(content))}"
        ) from None
    return text


def _refuse_zeros(content: bytes, path: Path) -> NoReturn:
    """Say whether bytes with zeros among them are UTF-16 without its mark, or no text."""
    at = content.index(0)
    line = content.count(b"\n", 0, at) + 1
    place = f"{path}, line {line}"
    for first, guess in enumerate(("utf-16be", "utf-16le")):
        zeros = content[first::2].count(0)  # of every letter of a Western script, digit and comma
        if zeros == content.count(0) and _MOST_LETTERS_TO_A_ZERO * zeros >= len(content) // 2:
            raise LabelError(
                f"{place}: holds zero bytes, as UTF-16 does, but no mark of it at its start. "
                f"Convert the file: {_conversion(path, guess)}"
            )
    raise LabelError(
        f"{place}: a zero byte at offset {at}, which no text holds: the file is damaged, or no "
        "list of labels; get or export it again"
    )


def _western(content: bytes) -> str:
    """Of the encodings of Western Europe, the one that has a letter for each of the bytes."""
    return "cp1252" if any(0x80 <= byte <= 0x9F for byte in content) else "latin1"


def _conversion(path: Path, encoding: str) -> str:
    converted = quote(str(path.with_name(f"{path.stem}-utf8{path.suffix}")))
    return f"iconv -f {encoding} -t utf-8 {quote(str(path))} > {converted}"
