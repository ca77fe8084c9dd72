"""Files that only a person can get: found where they were dropped, or asked for in words."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from vqathinker.datasets.card import Card
from vqathinker.datasets.remote_file import RemoteFile

__all__ = ["ManualFileMissingError", "dropped_files", "require_manual_files"]

# What downloads of ours, of browsers and of an unpacking leave beside the file itself.
_UNFINISHED_SUFFIXES = {".part", ".crdownload", ".download", ".opdownload", ".unpacked", ".aria2"}
_PIECE_OF_ZIP = re.compile(r"\.z\d\d+", re.IGNORECASE)


class ManualFileMissingError(FileNotFoundError):
    """A file that a person has to get is not there; the message says whom to ask for it."""


def dropped_files(card: Card, file: RemoteFile, downloads: Path) -> list[Path]:
    """What a person has put into the folder `downloads` for a manual file of the card, by name.

    Unfinished downloads do not count, nor do what the card's other files are kept as. Of a zip in
    pieces, .z01, .z02, …, .zip, the last one stands for all.
    """
    if file.manual is None or not downloads.is_dir():
        return []
    others = {part.name for other in card.files for part in other.parts}
    others |= {other.name for other in card.files if not other.manual}
    return sorted(
        path
        for path in downloads.glob(file.manual.drop)
        if path.is_file()
        and path.name not in others
        and not path.name.startswith(".")
        and not _UNFINISHED_SUFFIXES & set(path.suffixes)
        and not (_PIECE_OF_ZIP.fullmatch(path.suffix) and path.with_suffix(".zip").is_file())
    )


def require_manual_files(card: Card, missing: Sequence[RemoteFile], downloads: Path) -> None:
    """Raise ManualFileMissingError when files are missing that a person has to get."""
    asked = [
        f"\n  - {file.name}: ask at {file.manual.page}, drop it as "
        f"{downloads / file.manual.drop}{_password_hint(file)}"
        for file in missing
        if file.manual
    ]
    if asked:
        raise ManualFileMissingError(
            f"{card.title}: this takes your hand. {card.access.say.strip()}{''.join(asked)}"
            "\nThen run the same command again, it goes on from here. Videos that you have "
            f"unpacked already may lie below {downloads.parent / 'source' / 'videos'}/ instead."
        )


def _password_hint(file: RemoteFile) -> str:
    variable = file.password_env
    if variable is None or os.environ.get(variable):
        return ""
    return f", and put its password, if it has one, into the environment variable {variable}"
