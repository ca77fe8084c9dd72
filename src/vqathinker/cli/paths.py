"""Paths of the command line, looked at before any work: what is read is there, what is written can
be.
"""

import os
from pathlib import Path
from typing import Any

import typer

from vqathinker.products import Product

__all__ = ["file_to_read", "file_to_write", "folder_to_read", "folder_to_write"]


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
        if path.is_dir():
            raise typer.BadParameter(f"{path}: is a folder; expected the path of a file to write")
        _require_writable(path)
        return path

    return {"parser": check, "metavar": "FILE"}


def folder_to_write() -> dict[str, Any]:
    """Keywords of an option that is a folder to write."""

    def check(value: str | Path) -> Path:
        path = Path(value)
        if path.is_file():
            raise typer.BadParameter(f"{path}: is a file; expected the path of a folder to write")
        _require_writable(path)
        return path

    return {"parser": check, "metavar": "DIR"}


def _require_readable(path: Path, absent: str, product: Product) -> None:
    if not path.exists():
        raise typer.BadParameter(f"{path}: {absent}; expected {product}")
    if not os.access(path, os.R_OK):
        raise typer.BadParameter(f"{path}: may not be read by this user: change its permissions")


def _require_writable(path: Path) -> None:
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise typer.BadParameter(f"{path}: {there} is a file; expected a folder there")
    if not os.access(there, os.W_OK):
        why = "may not be written by this user: change its permissions, or"
        if os.statvfs(there).f_flag & os.ST_RDONLY:
            why = "lies on a disk that cannot be written:"
        raise typer.BadParameter(f"{path}: {there} {why} take another place")
