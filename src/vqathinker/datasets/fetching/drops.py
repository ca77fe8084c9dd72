"""Files that the user has to get: find them in `downloads`, or ask for them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from vqathinker.datasets.card import Card
from vqathinker.datasets.remote_file import RemoteFile
from vqathinker.errors import InputError

# Left by unfinished downloads of browsers and by unpacking.
_UNFINISHED_SUFFIXES = {".part", ".crdownload", ".download", ".opdownload", ".unpacked", ".aria2"}
_PIECE_OF_ZIP = re.compile(r"\.z\d\d+", re.IGNORECASE)


class UserActionError(InputError):
    """A file or password is missing that only the user can get; the message says where."""


def downloads_folder(source: Path) -> Path:
    """Where archives lie until they are unpacked, and where the user drops files."""
    return source.parent / "downloads"


def dropped_files(card: Card, file: RemoteFile, downloads: Path) -> list[Path]:
    """The files that the user has put into `downloads` for a manual file of the card, by name.

    Unfinished downloads and the card's other files do not count. The last piece of a zip in pieces
    (.z01, .z02, …, .zip) stands for all of them.
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


def require_manual_files(card: Card, missing: Sequence[RemoteFile], source: Path) -> None:
    """Raise UserActionError if files are missing that the user has to get."""
    lines = []
    for file in missing:
        if file.manual:
            hint, variable = "", file.password_env
            if variable and not os.environ.get(variable, "").strip():
                hint = f", and put its password, if it has one, into the variable {variable}"
            drop = downloads_folder(source) / file.manual.drop
            lines.append(f"\n  - {file.name}: ask at {file.manual.page}, save it as {drop}{hint}")
    if lines:
        raise UserActionError(
            f"{card.title}: you have to get these files. {card.access.say.strip()}{''.join(lines)}"
            "\nThen run the same command again to resume. You may also put unpacked videos below "
            f"{source / 'videos'}/ instead."
        )


def require_password(card: Card, file: RemoteFile) -> None:
    """Raise UserActionError if a set is known to be encrypted, before gigabytes arrive."""
    access, variable = card.access, file.password_env
    if variable and variable == access.token_env and not os.environ.get(variable, "").strip():
        raise UserActionError(
            f"{card.title}: {file.name} is encrypted. {access.say.strip()} Ask at "
            f"{access.page}, put the password into the environment variable {variable}, and "
            "run the same command again."
        )
