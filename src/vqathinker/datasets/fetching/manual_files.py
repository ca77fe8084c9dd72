"""Files that only the user can get: find them in `downloads`, or explain how to get them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from vqathinker.datasets.card import Card
from vqathinker.datasets.remote_file import RemoteFile
from vqathinker.errors import InputError

# Partial downloads of browsers, and what interrupted unpacking leaves.
_UNFINISHED_SUFFIXES = {".part", ".crdownload", ".download", ".opdownload", ".unpacked", ".aria2"}
_PIECE_OF_ZIP = re.compile(r"\.z\d\d+", re.IGNORECASE)


class UserActionError(InputError):
    """A file or password is missing that only the user can get; the message explains where."""


def downloads_folder(source: Path) -> Path:
    """Folder of archives before unpacking, where the user also saves manual files."""
    return source.parent / "downloads"


def find_manual_files(card: Card, file: RemoteFile, downloads: Path) -> list[Path]:
    """List the files that the user has saved in `downloads` for a manual file, sorted by name.

    Unfinished downloads and other files of the card are skipped. Of a split zip (.z01, .z02, …,
    .zip), only the last volume is listed.
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
    """Raise UserActionError if manual files are among the missing ones."""
    lines = []
    for file in missing:
        if file.manual:
            hint, variable = "", file.password_env
            if variable and not os.environ.get(variable, "").strip():
                hint = f". If it is encrypted, set the environment variable {variable}"
            drop = downloads_folder(source) / file.manual.drop
            lines.append(f"\n  - {file.name}: see {file.manual.page}, save it as {drop}{hint}")
    if lines:
        raise UserActionError(
            f"{card.title}: download these files by hand. {card.access.say.strip()}{''.join(lines)}"
            "\nThen rerun the same command to resume. You may also put unpacked videos into "
            f"{source / 'videos'}/ instead."
        )


def require_password(card: Card, file: RemoteFile) -> None:
    """Raise UserActionError before the download if an archive needs a password that is not set."""
    access, variable = card.access, file.password_env
    if variable and variable == access.token_env and not os.environ.get(variable, "").strip():
        raise UserActionError(
            f"{card.title}: {file.name} is encrypted. {access.say.strip()} Request the password at "
            f"{access.page}, set the environment variable {variable} to it, and rerun the same "
            "command."
        )
