"""What a file is that is no data: what came in the place of a download, and documents.

Told by its bytes, for names promise everything: a quota page is called a.mp4, and so is the pointer
that a clone without Git LFS leaves. Only what is certain is named here; everything else is left to
those who can read it. Sources: git-lfs/docs/spec.md, git-annex's docs/internals/pointer_file,
the error answers of S3, Google Cloud Storage and Azure, and file(1) for the magic bytes.
"""

import codecs
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Content", "document_in", "placeholder_in"]

_START = 1 << 16
_LONGEST_QUOTE = 60

_POINTERS = {
    r"version https://(git-lfs|hawser)\.github\.com/spec/": (
        "a Git LFS pointer",
        "`git lfs pull`, where it comes from, gets the file",
    ),
    r"(\S*/)?annex/objects/\S+\s*\Z": (
        "a git-annex pointer",
        "`git annex get`, where it comes from, gets the file",
    ),
    r"(md5: \S+\s+)?(frozen: \w+\s+)?outs:\s+- ": (
        "a pointer of DVC",
        "`dvc pull`, where it comes from, gets the file",
    ),
    r"\[(InternetShortcut|Desktop Entry)\]": ("a shortcut", "get what it leads to"),
}
_HTML = re.compile(
    r"<(!doctype\s+html|html|head|body|title|meta|script|style|center|h[1-6]|p|div|table|br)\b",
    re.IGNORECASE,
)
_PROLOG = re.compile(r"\s*(<!--.*?-->|<\?.*?\?>)", re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_ROOT = re.compile(r"<(?!!)(?:\w+:)?(\w[\w.-]*)")
_SERVER_ROOTS = {"error", "errors", "errorresponse", "listbucketresult", "enumerationresults"}
_XML_REASON = re.compile(r"<(Code|Message)>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_JSON_REASONS = ("error", "errors", "message", "detail", "error_description")
_MOST_KEYS_OF_AN_ERROR = 8

_TEXTS = ("text", "JSON")
_CSV_HINT = "save it as CSV"
_SELF_UNPACKING = "7-Zip unpacks many that unpack themselves, without running them"
_MAGICS = {
    b"%PDF-": ("a PDF", ""),
    b"{\\rtf": ("a text document", ""),
    b"\x89PNG\r\n": ("a picture", ""),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("a document of Excel or Word", _CSV_HINT),
    b"MATLAB 5.0 MAT-file": ("a file of MATLAB", "write it as CSV, with writetable"),
    b"\x89HDF\r\n": ("an HDF5 file, as MATLAB writes too", _CSV_HINT),
    b"PAR1": ("a Parquet table", _CSV_HINT),
    b"\x93NUMPY": ("an array of NumPy", "write it as CSV, with numpy.savetxt"),
    b"SQLite format 3\0": ("a database of SQLite", _CSV_HINT),
    b"MZ\x90\0": ("a program of Windows", _SELF_UNPACKING),
    b"\x7fELF": ("a program", _SELF_UNPACKING),
    b"#!": ("a script", _SELF_UNPACKING),
}
# Archives to their programs, told by the name of their first member.
_OFFICE_MEMBERS = {
    b"[Content_Types].xml": "a workbook of Excel or another document of Office",
    b"_rels/": "a workbook of Excel or another document of Office",
    b"docProps/": "a workbook of Excel or another document of Office",
    b"xl/": "a workbook of Excel",
    b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet": "a workbook of LibreOffice",
    b"mimetypeapplication/vnd.oasis": "a document of LibreOffice",
    b"Index/": "a document of Numbers or Pages",
}
_NAME_IN_ZIP = 30

# By how a text begins. UTF-32 comes before UTF-16, whose mark it begins with.
_ENCODINGS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
    b"": "utf-8-sig",
}


class Content(NamedTuple):
    """What a file is.

    Args:
        kind: with its article, "a web page".
        detail: what else is known of it, or what to do with it; may be empty.
    """

    kind: str
    detail: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is text of which no more is known, and which may be a list of labels."""
        return self.kind in _TEXTS

    def instead_of(self, wanted: str) -> str:
        """In words, for a message.

        >>> Content("a web page", "its title is 'Quota'").instead_of("an archive")
        "a web page, not an archive (its title is 'Quota')"
        """
        return f"{self.kind}, not {wanted}" + (f" ({self.detail})" if self.detail else "")


def placeholder_in(path: Path) -> Content | None:
    """What stands at `path` in the place of a file, whatever that file should hold; None: nothing.

    An empty file, a web page, a pointer of Git LFS, git-annex or DVC, a shortcut, the error message
    of a server in XML or JSON.

    Raises:
        OSError: it cannot be read.
    """
    return _placeholder(_read_start(path))


def document_in(path: Path) -> Content | None:
    """What is at `path` that is neither a video nor an archive; None where it may be one.

    What `placeholder_in` finds, and besides it text of any kind, zeros alone, and documents.

    Raises:
        OSError: it cannot be read.
    """
    start = _read_start(path)
    return _placeholder(start) or _document(start)


def _read_start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_START)


def _placeholder(start: bytes) -> Content | None:
    if not start:
        return Content("an empty file")
    text = _as_text(start) or start.decode("latin-1")  # a page says its encoding inside
    text = text.lstrip("\ufeff \t\r\n")
    for pattern, (kind, detail) in _POINTERS.items():
        if re.match(pattern, text):
            return Content(kind, detail)
    return _markup(text) or _json_error(text)


def _markup(text: str) -> Content | None:
    body = text
    while found := _PROLOG.match(body):
        body = body[found.end() :]
    body = body.lstrip()
    if _HTML.match(body):
        title = _TITLE.search(body)
        return Content("a web page", f"its title is {_quoted(title[1])}" if title else "")
    root = _ROOT.match(body)
    if root and root[1].lower() in _SERVER_ROOTS:
        said = ": ".join(_quoted(found[2]) for found in _XML_REASON.finditer(body))
        return Content("an error message of a server", said or f"XML, {root[1]}")
    return None


def _json_error(text: str) -> Content | None:
    if not text.startswith("{"):
        return None
    content = _parse_json(text)
    if not isinstance(content, dict) or len(content) > _MOST_KEYS_OF_AN_ERROR:
        return None
    reasons = (content[key] for key in _JSON_REASONS if content.get(key))
    reason = next(reasons, None)
    if reason is None or (content.get("errors") == reason and isinstance(reason, str)):
        return None  # a tokenizer's settings have "errors": "replace"
    if isinstance(reason, dict):
        reason = reason.get("message", reason)
    return Content("an error message of a server", _quoted(str(reason)))


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _document(start: bytes) -> Content | None:
    for magic, (kind, detail) in _MAGICS.items():
        if start.startswith(magic):
            return Content(kind, detail)
    if start.startswith(b"PK\x03\x04"):
        for name, kind in _OFFICE_MEMBERS.items():
            if start[_NAME_IN_ZIP:].startswith(name):
                return Content(kind, _CSV_HINT)
    if len(start) == _START and not any(start):  # an empty tar is shorter
        return Content("nothing but zeros", "its bytes may not have come yet")
    text = _as_text(start)
    if text is None or text.startswith("YUV4MPEG2"):
        return None
    kind = "text"
    if _parse_json(text) is not None:
        kind = "JSON"
    elif text.startswith("<?xml"):
        kind = "XML"
    return Content(kind, f"it begins with {_quoted(text)}")


def _as_text(start: bytes) -> str | None:
    """The start of a text, which holds no control character but blanks; None for other bytes."""
    encoding = next(name for mark, name in _ENCODINGS.items() if start.startswith(mark))
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start)  # may end in a character
    except UnicodeDecodeError:
        return None
    return text if all(char >= " " or char in "\t\n\r\f\x1b" for char in text) else None


def _quoted(text: str) -> str:
    """Its first words in quotation marks, with everything escaped that could move a cursor."""
    words = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return repr(words if len(words) <= _LONGEST_QUOTE else f"{words[: _LONGEST_QUOTE - 1]}…")
