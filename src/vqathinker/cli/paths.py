"""Paths of the command line, looked at before any work: what is read is there, what is written can
be.
"""

import os
from pathlib import Path
from typing import Any

import typer

from vqathinker.atomic import try_to_write
from vqathinker.errors import explain
from vqathinker.products import Product

__all__ = [
    "file_to_read",
    "file_to_write",
    "folder_to_read",
    "folder_to_write",
    "require_writable",
]


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
        _require_writable_parent(path)
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
    _require_writable_parent(path)


def _require_writable_parent(path: Path) -> None:
    """Raises BadParameter if a trial write next to `path`, or where its folder will be, fails."""
    there = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not there.is_dir():
        raise typer.BadParameter(f"{path}: {there} is a file; expected a folder there")
    try:
        try_to_write(there / path.absolute().name)
    except OSError as error:
        why = explain(OSError(error.errno, error.strerror))
        raise typer.BadParameter(f"{path}: cannot be written in {there}: {why}") from error
