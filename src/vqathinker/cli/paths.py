"""Paths of the command line, checked before any work.

typer's own checks of paths say what is wrong; these also say what makes the file.
"""

import os
from pathlib import Path
from typing import Any

import typer

from vqathinker.atomic import try_to_write
from vqathinker.errors import explain
from vqathinker.products import Product


def file_to_read(product: Product) -> dict[str, Any]:
    """Keywords of an option or argument that is a file, which holds that product.

    A wrong path ends the command with exit code 2, before any work.
    """

    def check(value: str | Path) -> Path:
        return _require_readable(Path(value), product, folder=False)

    return {"parser": check, "metavar": "FILE"}


def folder_to_read(product: Product) -> dict[str, Any]:
    """The same for a folder."""

    def check(value: str | Path) -> Path:
        return _require_readable(Path(value), product, folder=True)

    return {"parser": check, "metavar": "DIR"}


def file_to_write() -> dict[str, Any]:
    """Keywords of an option that is a file to write; what is there is replaced."""
    return {"parser": require_writable, "metavar": "FILE"}


def folder_to_write() -> dict[str, Any]:
    """Keywords of an option that is a folder to write."""

    def check(value: str | Path) -> Path:
        path = Path(value)
        if path.is_file():
            raise typer.BadParameter(f"{path}: is a file; expected the path of a folder to write")
        return _require_writable_parent(path)

    return {"parser": check, "metavar": "DIR"}


def require_writable(value: str | Path) -> Path:
    """The path of a file that can be written; BadParameter where it cannot."""
    path = Path(value)
    if path.exists() and not path.is_file():
        raise typer.BadParameter(f"{path}: is no file; expected the path of a file to write")
    if not path.parent.is_dir():
        return _require_writable_parent(path)
    try:
        try_to_write(path)  # a full disk and a name that is too long show only so
    except OSError as error:
        told = OSError(error.errno, error.strerror, str(path))
        raise typer.BadParameter(explain(told)) from None
    return path


def _require_readable(path: Path, product: Product, *, folder: bool) -> Path:
    if not path.exists():
        kind = "folder" if folder else "file"
        raise typer.BadParameter(f"{path}: no such {kind}; expected {product}")
    if path.is_dir() != folder:
        kind = "file" if folder else "folder"
        raise typer.BadParameter(f"{path}: is a {kind}; expected {product}")
    if not os.access(path, os.R_OK):
        raise typer.BadParameter(f"{path}: may not be read by this user: change its permissions")
    return path


def _require_writable_parent(path: Path) -> Path:
    there = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not there.is_dir():
        raise typer.BadParameter(f"{path}: {there} is a file; expected a folder there")
    if not os.access(there, os.W_OK | os.X_OK):
        raise typer.BadParameter(
            f"{path}: this user may not write in {there}: change its permissions, or take another "
            "place"
        )
    return path
