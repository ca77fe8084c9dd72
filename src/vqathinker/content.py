"""Recognise files that are not the expected data, such as web pages, pointers and documents.

The content decides, not the name: a quota page can be named a.mp4, and so can the pointer that a
clone without Git LFS contains. Files that are not recognised here are left to the reader of their
format. Sources: git-lfs/docs/spec.md, git-annex's docs/internals/pointer_file, error responses of
S3, Google Cloud Storage and Azure, and file(1) for the magic bytes.
"""

import codecs
import json
import re
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

_START = 1 << 16  # bytes that are inspected
_POINTERS = {
    r"version https://(git-lfs|hawser)\.github\.com/spec/": ("a Git LFS pointer", "git lfs pull"),
    r"(\S*/)?annex/objects/\S+\s*\Z": ("a git-annex pointer", "git annex get"),
    r"(md5: \S+\s+)?(frozen: \w+\s+)?outs:\s+- ": ("a DVC pointer", "dvc pull"),
}
_PROLOG = re.compile(r"\s*(?:(?:<!--.*?-->|<\?.*?\?>)\s*)*", re.DOTALL)
_HTML = re.compile(
    r"<(!doctype\s+html|html|head|body|title|meta|script|style|center|h[1-6]|p|div|table|br)\b",
    re.IGNORECASE,
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_XML_ERROR = re.compile(
    r"<(error|errors|errorresponse|listbucketresult|enumerationresults)\b", re.IGNORECASE
)
_XML_REASON = re.compile(r"<(Code|Message)>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_MAX_ERROR_KEYS = 8

_CSV = "save it as CSV"
_MAGICS = {
    b"%PDF-": ("a PDF", ""),
    b"\x89PNG\r\n": ("a picture", ""),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an Excel or Word document", _CSV),
    b"MATLAB 5.0 MAT-file": ("a MATLAB file", "write it as CSV with writetable"),
    b"\x89HDF\r\n": ("an HDF5 file, which MATLAB also writes", _CSV),
}
# Workbooks are zip archives. The name of the first member distinguishes them from others.
_WORKBOOK_MEMBERS = (b"[Content_Types].xml", b"_rels/", b"xl/", b"mimetypeapplication/vnd.oasis.")
_NAME_IN_ZIP = 30  # offset of the first member's name


class Content(NamedTuple):
    """What a file contains.

    Args:
        kind: with an article, such as "a web page".
        detail: more about it, or what to do; may be empty.
    """

    kind: str
    detail: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is plain text or JSON, which may be a list of labels."""
        return self.kind in {"text", "JSON"}

    def instead_of(self, wanted: str) -> str:
        """Part of a message that names both.

        >>> Content("a web page", "its title is 'Quota'").instead_of("an archive")
        "a web page, not an archive (its title is 'Quota')"
        """
        return f"{self.kind}, not {wanted}" + (f" ({self.detail})" if self.detail else "")


def placeholder_in(path: Path) -> Content | None:
    """The placeholder that was stored instead of a file; None if the file is no placeholder.

    A placeholder is an empty file, a web page, a pointer of Git LFS, git-annex or DVC, or a
    server's error message in XML or JSON. Raises OSError if `path` cannot be read.
    """
    start = _read_start(path)
    if not start:
        return Content("an empty file")
    text = _as_text(start) or start.decode("latin-1")  # a page declares its encoding in its text
    text = text.lstrip("\ufeff \t\r\n")
    for pattern, (kind, command) in _POINTERS.items():
        if re.match(pattern, text):
            return Content(kind, f"run `{command}` where it comes from")
    prolog = _PROLOG.match(text)
    body = text[prolog.end() :] if prolog else text
    if _HTML.match(body):
        title = _TITLE.search(body)
        return Content("a web page", f"its title is {_quoted(title[1])}" if title else "")
    if root := _XML_ERROR.match(body):
        reasons = ": ".join(_quoted(found[2]) for found in _XML_REASON.finditer(body))
        return Content("a server's error message", reasons or f"XML, {root[1]}")
    return _json_error(text)


def _json_error(text: str) -> Content | None:
    content = _parse_json(text)
    if isinstance(content, dict) and len(content) <= _MAX_ERROR_KEYS:
        reasons = (content.get(key) for key in ("error", "errors", "message", "detail"))
        reason = next(filter(None, reasons), None)
        if reason not in (None, "replace"):  # a tokenizer's settings have "errors": "replace"
            return Content("a server's error message", _quoted(str(reason)))
    return None


def document_in(path: Path) -> Content | None:
    """The content of a file that is neither a video nor an archive; None if it may be one.

    Recognises placeholders, text of any kind, files of zeros, and documents. Raises OSError if
    `path` cannot be read.
    """
    if placeholder := placeholder_in(path):
        return placeholder
    start = _read_start(path)
    for magic, (kind, detail) in _MAGICS.items():
        if start.startswith(magic):
            return Content(kind, detail)
    if start.startswith(b"PK\x03\x04") and start[_NAME_IN_ZIP:].startswith(_WORKBOOK_MEMBERS):
        return Content("an Excel workbook or another Office document", _CSV)
    if len(start) == _START and not any(start):  # an empty tar has zeros, but is shorter
        return Content("a file of zeros", "the download may be incomplete")
    text = _as_text(start)
    if text is None or text.startswith("YUV4MPEG2"):  # raw video begins with a line of text
        return None
    kind = "JSON" if _parse_json(text) is not None else "text"
    kind = "XML" if text.startswith("<?xml") else kind
    return Content(kind, f"it begins with {_quoted(text)}")


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_START)


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _as_text(start: bytes) -> str | None:
    """The start of a file as text; None if it has control characters other than white space."""
    is_utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoder = codecs.getincrementaldecoder("utf-16" if is_utf16 else "utf-8-sig")()
    try:
        text = decoder.decode(start)  # incremental: the start may end inside a character
    except UnicodeDecodeError:
        return None
    return text if all(char >= " " or char in "\t\n\r\f\x1b" for char in text) else None


def _quoted(text: str) -> str:
    # repr escapes characters that could move the cursor of a terminal.
    return repr(textwrap.shorten(re.sub(r"<[^>]*>", " ", text), 60, placeholder="…"))
