"""What was given cannot be used: said in one sentence, with the file, the value and the way out.

Libraries and the system have words of their own for it; here they are put into ours.
"""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["InputError", "explain", "read_json", "reading"]

_EXPLAINED = {
    errno.ENOENT: "no such file or folder",
    errno.EACCES: "may not be used by this user: change its permissions, or take another place",
    errno.EPERM: "may not be used by this user: change its permissions, or take another place",
    errno.EROFS: "lies on a disk that cannot be written: take another place",
    errno.EISDIR: "is a folder; expected a file",
    errno.ENOTDIR: "one of the folders in this path is a file",
    errno.ENOSPC: "the disk is full: make room, then run the same command again",
    errno.EDQUOT: "your share of the disk is used up: make room, then run the same command again",
    errno.EFBIG: "larger than a file may be here: look at `ulimit -f` and at the disk's format",
    errno.EMFILE: "too many open files: raise `ulimit -n`",
    errno.ENAMETOOLONG: "the path is too long for this disk",
    errno.EIO: "the disk could not read or write it: look at the disk, or copy the file anew",
}


class InputError(ValueError):
    """A file or value that was given cannot be used; says which, what was expected, what to do."""


def explain(error: OSError) -> str:
    """The system's error in one sentence that begins with the path, where one is known.

    >>> explain(OSError(errno.ENOSPC, "No space left on device", "clips/0.safetensors"))
    'clips/0.safetensors: the disk is full: make room, then run the same command again'
    """
    what = _EXPLAINED.get(error.errno or 0) or error.strerror or str(error)
    where = error.filename2 or error.filename
    return f"{where}: {what}" if where else what


@contextmanager
def reading(path: Path, expected: str, remedy: str) -> Iterator[None]:
    """Whatever goes wrong in this block is that `path` is not `expected`; `remedy` is what to do.

    For the few lines in which a library reads a file, since each library has its own errors.

    Raises:
        InputError: with file, expectation and remedy, whatever the library raised.
    """
    try:
        yield
    except (InputError, MemoryError, ModuleNotFoundError):
        raise
    except OSError as error:
        # pyarrow raises it without a number.
        number = errno.ENOENT if isinstance(error, FileNotFoundError) else error.errno or 0
        known = _EXPLAINED.get(number, "cannot be read")
        raise InputError(f"{path}: {known}; expected {expected}: {remedy}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: the byte at offset {error.start} is no UTF-8; expected {expected}: {remedy}"
        ) from error
    except Exception as error:
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}") from error


def read_json(path: Path, expected: str, remedy: str) -> dict[str, Any]:
    """The JSON object in a file that should be `expected`; `remedy` is what to do where it is not.

    Raises:
        InputError: it is not there, cannot be read, or holds something else.
    """
    with reading(path, expected, remedy):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(f"{path}: is not {expected}, or is damaged: {remedy}")
    return content
