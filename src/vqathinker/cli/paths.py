"""Paths of the command line, looked at before any work: what is read is there, what is written can
be.
"""

import os
import socket
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import typer

from vqathinker.errors import explain
from vqathinker.products import Product

__all__ = [
    "file_to_read",
    "file_to_write",
    "folder_to_read",
    "folder_to_write",
    "require_writable",
]

_BLOCK: Final = 4096  # bytes: a full disk still takes an empty file


def file_to_read(product: Product) -> dict[str, Any]:
    """Keywords of an option or argument that is a file, which holds that product.

    A wrong path ends the command with exit code 2, before any work.
    """

    def check(value: str | Path) -> Path:
        path = Path(value)
        if path.is_dir():
            raise typer.BadParameter(f"{path}: is a folder; expected {product}")
        _require_readable(path, "no such file", product)
        return path

    return {"parser": check, "metavar": "FILE"}


def folder_to_read(product: Product) -> dict[str, Any]:
    """The same for a folder."""

    def check(value: str | Path) -> Path:
        path = Path(value)
        if path.is_file():
            raise typer.BadParameter(f"{path}: is a file; expected {product}")
        _require_readable(path, "no such folder", product)
        return path

    return {"parser": check, "metavar": "DIR"}


def file_to_write() -> dict[str, Any]:
    """Keywords of an option that is a file to write; what is there is replaced."""

    def check(value: str | Path) -> Path:
        path = Path(value)
        require_writable(path)
        return path

    return {"parser": check, "metavar": "FILE"}


def folder_to_write() -> dict[str, Any]:
    """Keywords of an option that is a folder to write."""

    def check(value: str | Path) -> Path:
        path = Path(value)
        if path.is_file():
            raise typer.BadParameter(f"{path}: is a file; expected the path of a folder to write")
        _require_room(path)
        return path

    return {"parser": check, "metavar": "DIR"}


def _require_readable(path: Path, absent: str, product: Product) -> None:
    if not path.exists():
        raise typer.BadParameter(f"{path}: {absent}; expected {product}")
    if not os.access(path, os.R_OK):
        raise typer.BadParameter(f"{path}: may not be read by this user: change its permissions")


def require_writable(path: Path) -> None:
    """Raises BadParameter where a file could not be written at `path`."""
    if path.is_dir():
        raise typer.BadParameter(f"{path}: is a folder; expected the path of a file to write")
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"{path}: is a device or pipe; expected the path of a file")
    _require_room(path)


def _require_room(path: Path) -> None:
    """Raises BadParameter where nothing can be written beside `path`, which is tried."""
    there = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not there.is_dir():
        raise typer.BadParameter(f"{path}: {there} is a file; expected a folder there")
    # As long a name as `atomic` gives a file that is not whole yet.
    name = f".{path.name}.{socket.gethostname()}."
    try:
        with NamedTemporaryFile(prefix=name, suffix=".part", dir=there) as file:
            file.write(bytes(_BLOCK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = explain(OSError(error.errno, error.strerror))
        raise typer.BadParameter(f"{path}: cannot be written in {there}: {why}") from error
