"""What of a card's file is needed and where it goes, from the card, the journal and the disk alone.

A file is planned when its turn comes and no earlier: which videos there are stands in the label
files, which come first, and what is dropped is looked at one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vqathinker.acquisition.archive import is_archive
from vqathinker.acquisition.secret import Secret
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import FetchJournal
from vqathinker.datasets.fetching.manual_files import dropped_files
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.remote_file import FilePart, RemoteFile

__all__ = [
    "PasswordMissingError",
    "Piece",
    "PlannedFile",
    "downloads_folder",
    "expand_per_video",
    "is_in_place",
    "is_label_file",
    "plan_file",
]


class PasswordMissingError(ValueError):
    """A set's archives are encrypted, and the environment holds no password."""


@dataclass(frozen=True)
class Piece:
    """What is got in one download: a file of the card, a part of one, or what a person has dropped.

    Args:
        name: what it is kept as, in `downloads` and in the journal.
        stated: its size, hash and origins, as the card states them.
        target: the file to write.
        drop_path: where a person may have put it; the target itself for what is unpacked.
        manual: whether only a person can get it; then nobody is asked for it.
        is_binary: whether it is a video, or an archive from its beginning.
    """

    name: str
    stated: RemoteFile | FilePart
    target: Path
    drop_path: Path
    manual: bool = False
    is_binary: bool = True


@dataclass(frozen=True)
class PlannedFile:
    """A file that is not in place, and what has to be done to get it there.

    Args:
        file: of the card; of a per-video file, the one of a single video.
        pieces: in the order in which they are joined; more than one only where it is unpacked.
        folder: in the source folder, where it goes.
        needs_unpacking: whether the pieces go to `downloads` and what is in them into `folder`;
            else the only piece goes there straight.
        has_videos: whether videos come with it, and not only labels.
    """

    file: RemoteFile
    pieces: tuple[Piece, ...]
    folder: Path
    needs_unpacking: bool
    has_videos: bool


def plan_file(
    file: RemoteFile, card: Card, source: Path, journal: FetchJournal
) -> Iterator[PlannedFile]:
    """Plan a file of the card; nothing where it is in place, or where nobody has dropped it.

    What a person has dropped is planned one by one, after what came before is in place.

    Raises:
        DamagedArchiveError: what is dropped is an archive of a kind that is not read.
        PasswordMissingError: it is encrypted, and the environment holds no password.
    """
    if file.manual:
        for path in dropped_files(card, file, downloads_folder(source)):
            known = journal.find(path.name)
            size = path.stat().st_size
            if known is None or known.size != size or not known.is_in_place(source):
                yield _plan_dropped(file, path, card, source)
    elif not is_in_place(file, source, journal):
        _require_password(card, file)
        yield _plan_remote(file, card, source)


def expand_per_video(file: RemoteFile, card: Card, source: Path) -> Iterator[RemoteFile]:
    """The file itself, or, where it stands for one a video, that of each label.

    Raises:
        LabelError: the labels cannot be read, which say what videos there are.
    """
    if not file.per_video:
        yield file
        return
    for video in read_labels(source, card)["video"]:
        yield file.for_video(video)


def is_in_place(file: RemoteFile, source: Path, journal: FetchJournal) -> bool:
    """Whether all that came for a file of the card is where it was put."""
    fetched = journal.of_card_file(file.name)
    return bool(fetched) and all(one.is_in_place(source) for one in fetched)


def is_label_file(file: RemoteFile, card: Card) -> bool:
    """Whether a file of the card is one of its label files."""
    return (PurePosixPath(file.folder()) / file.name).as_posix() in card.label_files


def downloads_folder(source: Path) -> Path:
    """Where archives lie until they are unpacked, and where people drop what they have got."""
    return source.parent / "downloads"


def _plan_remote(file: RemoteFile, card: Card, source: Path) -> PlannedFile:
    folder, downloads = source / file.folder(), downloads_folder(source)
    if file.unpack == "none":
        target, drop = folder / file.name, downloads / file.name
        piece = Piece(file.name, file, target, drop, is_binary=_is_video(file))
        return _plan_copy(file, card, piece)
    drops = [(one, downloads / one.name) for one in file.parts or [file]]
    pieces = tuple(
        Piece(one.name, one, drop, drop, is_binary=number == 0)
        for number, (one, drop) in enumerate(drops)  # the others may begin with any bytes
    )
    return PlannedFile(file, pieces, folder, needs_unpacking=True, has_videos=True)


def _plan_dropped(file: RemoteFile, path: Path, card: Card, source: Path) -> PlannedFile:
    if file.unpack != "none" and (is_archive(path) or file.unpack != "auto"):
        folder = source / file.folder(path.name)
        piece = Piece(path.name, file, path, path, manual=True)
        return PlannedFile(file, (piece,), folder, needs_unpacking=True, has_videos=True)
    name = file.name if file.unpack == "none" else path.name
    target = source / file.folder() / name
    piece = Piece(path.name, file, target, path, manual=True, is_binary=_is_video(file))
    return _plan_copy(file, card, piece)


def _is_video(file: RemoteFile) -> bool:
    """Whether a file that is not unpacked is one, by where it goes; others hold questions."""
    return PurePosixPath(file.folder()).parts[:1] == ("videos",)


def _plan_copy(file: RemoteFile, card: Card, piece: Piece) -> PlannedFile:
    videos = not is_label_file(file, card)
    return PlannedFile(
        file, (piece,), piece.target.parent, needs_unpacking=False, has_videos=videos
    )


def _require_password(card: Card, file: RemoteFile) -> None:
    """Ask for the password of a set that is known to be encrypted before its gigabytes come."""
    access, variable = card.access, file.password_env
    if variable and variable == access.token_env and not Secret.from_environment(variable):
        raise PasswordMissingError(
            f"{card.title}: {file.name} is encrypted. {access.say.strip()} Ask at "
            f"{access.page}, put the password into the environment variable {variable}, and "
            "run the same command again."
        )
