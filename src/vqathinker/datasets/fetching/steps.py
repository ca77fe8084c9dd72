"""The steps of getting a planned file into its place; each says what it did.

Nothing is remembered between them but what the journal has on the disk: a step that was killed is
done again by the next run, and finds there what came before.
"""

import filecmp
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqathinker.acquisition.archive import is_archive
from vqathinker.acquisition.download import (
    DownloadContext,
    DownloadedFile,
    download,
    record_hash,
    require_content,
)
from vqathinker.acquisition.errors import WrongContentError, conflict_error
from vqathinker.acquisition.partial import clear_note
from vqathinker.acquisition.unpack import unpack
from vqathinker.atomic import whole_file
from vqathinker.content import document_in
from vqathinker.datasets.card import Card, CardError
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal
from vqathinker.datasets.fetching.origins import ResolvedFile
from vqathinker.datasets.fetching.plan import Piece, PlannedFile

__all__ = [
    "FetchSettings",
    "download_piece",
    "record_hashes",
    "remove_archives",
    "unpack_pieces",
]


_WANTED = "an archive and not a video"


@dataclass(frozen=True)
class FetchSettings:
    """How files come, and what happens to archives.

    Args:
        download: what all downloads share.
        keep_archives: whether they stay in `downloads` once they are unpacked. What a person has
            dropped there always stays, unless it holds private data.
    """

    download: DownloadContext
    keep_archives: bool


def download_piece(
    piece: Piece,
    planned: PlannedFile,
    resolved: ResolvedFile,
    journal: FetchJournal,
    context: DownloadContext,
) -> FetchedFile:
    """Download a piece of a card's file to its target, or find it there.

    Args:
        piece: what is to come.
        planned: the file that it belongs to. Where that is to be unpacked, the hash is recorded
            later, by `record_hashes`.
        resolved: what is known of it, and where it can come from.
        journal: is told before it gets its place: what lies there without a note is the user's.
        context: what all downloads share.

    Raises:
        TransferError: no origin delivers it; what has come is kept.
    """
    known = journal.find(piece.name)
    if known and piece.target.is_file() and piece.target.stat().st_size == known.size:
        clear_note(piece.target)  # of a process that was killed before it could
        return known
    if piece.manual and not piece.target.exists():
        _require_dropped_content(piece.drop_path, resolved)

    def to_fetched(got: DownloadedFile) -> FetchedFile:
        by_hand = got.origin in {None, str(piece.drop_path)}
        return FetchedFile(
            file=planned.file.name,
            name=piece.name,
            origin=None if by_hand else got.origin,
            size=got.size,
            sha256=got.sha256,
            revision=resolved.revision,
        )

    def note(got: DownloadedFile) -> None:
        if planned.has_videos and not planned.needs_unpacking:
            journal.begin_videos()
        journal.add(to_fetched(got))

    got = download(
        resolved.expected,
        resolved.origins,
        piece.target,
        context,
        record=not planned.needs_unpacking,
        before_placing=note,
    )
    if got.origin is None:  # it was here already
        note(got)
    return to_fetched(got)


def record_hashes(
    resolved: Sequence[ResolvedFile], fetched: Sequence[FetchedFile], context: DownloadContext
) -> None:
    """Record the hashes of an archive's pieces, now that all of it could be read.

    A damaged one would else be the right one ever after, wherever nobody publishes a hash.
    """
    for known, one in zip(resolved, fetched, strict=True):
        record_hash(known.expected, one.size, one.sha256, one.origin, context)


def unpack_pieces(planned: PlannedFile, card: Card) -> list[Path]:
    """Unpack the pieces, read as one archive, into the planned folder; returns the files there.

    A download that turns out to be no archive is put there, if its card allows for that.

    Raises:
        TransferError: it cannot be unpacked; the next call goes on.
    """
    paths = [piece.target for piece in planned.pieces]
    if planned.file.unpack == "auto" and not is_archive(paths[0]):
        if found := document_in(paths[0]):
            raise WrongContentError(f"{paths[0]}: is {found.instead_of(_WANTED)}; delete it")
        return [_place(paths[0], planned.folder)]
    limits = planned.file.limits
    if limits is None:
        raise CardError(f"card {card.name}: {planned.file.name} is unpacked but has no limits")
    placed = unpack(
        paths,
        planned.folder,
        max_files=limits.files,
        max_bytes=limits.bytes,
        private=_private_patterns(card),
        password_variable=planned.file.password_env,
    )
    return [planned.folder / path for path in placed]


def remove_archives(fetched: Sequence[FetchedFile], downloads: Path) -> None:
    """Remove what was downloaded and is unpacked; what a person has dropped is that person's."""
    if all(one.origin for one in fetched):
        for one in fetched:
            archive = downloads / one.name
            if archive.is_file() and archive.stat().st_size == one.size:
                archive.unlink(missing_ok=True)


def _require_dropped_content(path: Path, resolved: ResolvedFile) -> None:
    try:
        require_content(resolved.expected, path)
    except WrongContentError as error:
        message = f"{path}: {error}. Move it away, and run the same command again."
        raise WrongContentError(message) from None


def _place(path: Path, folder: Path) -> Path:
    """Give a file its place; it also stays where it came until its new place is noted."""
    target = folder / path.name
    folder.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        try:
            target.hardlink_to(path)
        except OSError:  # another disk, or one without links
            _copy(path, target)
    elif not filecmp.cmp(path, target, shallow=False):
        raise conflict_error(target)
    return target


def _copy(path: Path, target: Path) -> None:
    with whole_file(target) as part:
        shutil.copyfile(path, part)


def _private_patterns(card: Card) -> list[str]:
    """Patterns of whole paths: the card's name a file, or a folder with all that is in it."""
    return [
        pattern
        for name in card.never_keep
        for pattern in (name, f"*/{name}", f"{name}/*", f"*/{name}/*")
    ]
