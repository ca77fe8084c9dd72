"""What has to be fetched for a file of the card, and where it goes: from card, journal and disk.

A file is planned when its turn comes, not earlier: the label files, which come first, name the
videos.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vqathinker.acquisition.archive import is_archive
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import FetchJournal
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.remote_file import FilePart, RemoteFile
from vqathinker.errors import InputError

# Left by unfinished downloads of browsers and by unpacking.
_UNFINISHED_SUFFIXES = {".part", ".crdownload", ".download", ".opdownload", ".unpacked", ".aria2"}
_PIECE_OF_ZIP = re.compile(r"\.z\d\d+", re.IGNORECASE)


class ManualFileMissingError(InputError):
    """A file that you have to request is missing; the message says where to ask."""


class PasswordMissingError(InputError):
    """A set's archives are encrypted, and the environment has no password."""


@dataclass(frozen=True)
class Piece:
    """One download: a file of the card, a part of one, or a file that the user has dropped.

    Args:
        name: file name in `downloads`, where the user may have put it, and key in the journal.
        stated: its size, hash and origins, as the card states them.
        target: the file to write.
        is_binary: whether it is a video, or the beginning of an archive.
    """

    name: str
    stated: RemoteFile | FilePart
    target: Path
    is_binary: bool


@dataclass(frozen=True)
class PlannedFile:
    """A file that is not in place, and how to get it there.

    Args:
        file: of the card; for a per-video file, the one of a single video.
        pieces: in the order in which they are joined; several only if they are unpacked.
        folder: where it goes, in the source folder.
        needs_unpacking: whether the pieces go to `downloads` and their content into `folder`; else
            the only piece goes directly to `folder`.
        manual: whether only the user can get it; then it has no origin.
    """

    file: RemoteFile
    pieces: tuple[Piece, ...]
    folder: Path
    needs_unpacking: bool
    manual: bool

    @property
    def has_videos(self) -> bool:
        """Whether it contains videos; other files hold labels or questions."""
        return self.needs_unpacking or _is_video(self.file)


def plan_file(
    file: RemoteFile, card: Card, source: Path, journal: FetchJournal
) -> Iterator[PlannedFile]:
    """Plan a file of the card: nothing if it is in place, or if the user has not dropped it yet.

    Raises:
        DamagedArchiveError: a dropped archive has a format that is not supported.
        PasswordMissingError: it is encrypted, and the environment has no password.
    """
    if file.manual:
        for path in dropped_files(card, file, downloads_folder(source)):
            known = journal.find(path.name)
            size = path.stat().st_size
            if known is None or known.size != size or not known.is_in_place(source):
                yield _plan(file, source, path)
    elif not is_in_place(file, source, journal):
        _require_password(card, file)
        yield _plan(file, source, None)


def _plan(file: RemoteFile, source: Path, dropped: Path | None) -> PlannedFile:
    unpacks, downloads = file.unpack != "none", downloads_folder(source)
    if dropped is not None and file.unpack == "auto":
        unpacks = is_archive(dropped)
    folder = source / file.folder(dropped.name if dropped else None)
    name = dropped.name if dropped else file.name
    if unpacks:
        parts = [(name, file)] if dropped else [(one.name, one) for one in file.parts or [file]]
        pieces = tuple(
            # Only the first part begins like an archive.
            Piece(part, stated, downloads / part, is_binary=number == 0)
            for number, (part, stated) in enumerate(parts)
        )
    else:
        target = folder / (file.name if file.unpack == "none" else name)
        pieces = (Piece(name, file, target, is_binary=_is_video(file)),)
    return PlannedFile(file, pieces, folder, unpacks, manual=dropped is not None)


def _is_video(file: RemoteFile) -> bool:
    return PurePosixPath(file.folder()).parts[:1] == ("videos",)


def _require_password(card: Card, file: RemoteFile) -> None:
    """Ask for the password of a set that is known to be encrypted before gigabytes arrive."""
    access, variable = card.access, file.password_env
    if variable and variable == access.token_env and not os.environ.get(variable, "").strip():
        raise PasswordMissingError(
            f"{card.title}: {file.name} is encrypted. {access.say.strip()} Ask at "
            f"{access.page}, put the password into the environment variable {variable}, and "
            "run the same command again."
        )


def expand_per_video(file: RemoteFile, card: Card, source: Path) -> Iterator[RemoteFile]:
    """Yield the file itself, or the file of each label if it is a per-video file.

    Raises:
        LabelError: the labels cannot be read.
    """
    if not file.per_video:
        yield file
        return
    for video in read_labels(source, card)["video"]:
        yield file.for_video(video)


def is_in_place(file: RemoteFile, source: Path, journal: FetchJournal) -> bool:
    """Whether everything that was fetched for a file of the card is where it was put."""
    fetched = journal.of_card_file(file.name)
    return bool(fetched) and all(one.is_in_place(source) for one in fetched)


def is_label_file(file: RemoteFile, card: Card) -> bool:
    """Whether a file of the card is one of its label files."""
    return (PurePosixPath(file.folder()) / file.name).as_posix() in card.label_files


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


def require_manual_files(card: Card, missing: Sequence[RemoteFile], downloads: Path) -> None:
    """Raise ManualFileMissingError if files are missing that the user has to get."""
    lines = []
    for file in missing:
        if file.manual:
            hint, variable = "", file.password_env
            if variable and not os.environ.get(variable, "").strip():
                hint = f", and put its password, if it has one, into the variable {variable}"
            drop = downloads / file.manual.drop
            lines.append(f"\n  - {file.name}: ask at {file.manual.page}, save it as {drop}{hint}")
    if lines:
        raise ManualFileMissingError(
            f"{card.title}: you have to get these files. {card.access.say.strip()}{''.join(lines)}"
            "\nThen run the same command again to resume. You may also put unpacked videos below "
            f"{downloads.parent / 'source' / 'videos'}/ instead."
        )
