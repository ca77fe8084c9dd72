"""The steps of getting a planned file into its place; each says what it did.

Nothing is remembered between them but what the journal has on the disk: a step that was killed is
done again by the next run, and finds there what came before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vqathinker.acquisition.archives.members import ArchiveLimits
from vqathinker.acquisition.archives.signature import is_archive
from vqathinker.acquisition.archives.unpack import unpack
from vqathinker.acquisition.transfer.context import DownloadContext
from vqathinker.acquisition.transfer.download import download
from vqathinker.datasets.card import Card, CardError
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal
from vqathinker.datasets.fetching.origins import ResolvedFile
from vqathinker.datasets.fetching.plan import Piece, PlannedFile
from vqathinker.datasets.remote_file import RemoteFile

__all__ = ["FetchSettings", "download_piece", "remove_archives", "unpack_pieces"]


@dataclass(frozen=True)
class FetchSettings:
    """How files come, and what happens to archives.

    Args:
        download: what all downloads share.
        keep_archives: whether they stay in `downloads` once they are unpacked. What a person has
            dropped there always stays, unless it holds private data.
        largest_ratio: bytes that an archive may unpack to, for each of its own.
    """

    download: DownloadContext
    keep_archives: bool
    largest_ratio: float


def download_piece(
    piece: Piece,
    card_file: str,
    resolved: ResolvedFile,
    journal: FetchJournal,
    context: DownloadContext,
) -> FetchedFile:
    """Download a piece of a card's file to its target, or find it there.

    Raises:
        TransferError: no origin delivers it; what has come is kept.
    """
    known = journal.find(piece.name)
    if known and piece.target.is_file() and piece.target.stat().st_size == known.size:
        return known
    got = download(resolved.expected, resolved.origins, piece.target, context)
    by_hand = got.origin in {None, str(piece.drop_path)}
    fetched = FetchedFile(
        file=card_file,
        name=piece.name,
        origin=None if by_hand else got.origin,
        size=got.size,
        sha256=got.sha256,
        revision=resolved.revision,
    )
    journal.add(fetched)
    return fetched


def unpack_pieces(planned: PlannedFile, card: Card, settings: FetchSettings) -> list[Path]:
    """Unpack the pieces, read as one archive, into the planned folder; returns the files there.

    A download that turns out to be no archive is moved there, if its card allows for that.

    Raises:
        TransferError: it cannot be unpacked; the next call goes on.
    """
    paths = [piece.target for piece in planned.pieces]
    if planned.file.unpack == "auto" and not is_archive(paths[0]):
        return [_move(paths[0], planned.folder)]
    done = unpack(
        paths,
        planned.folder,
        limits=_unpack_limits(planned.file, card, settings),
        private=_private_patterns(card),
        password_variable=planned.file.password_env,
    )
    return [planned.folder / path for path in (*done.written, *done.present)]


def remove_archives(planned: PlannedFile, fetched: Sequence[FetchedFile]) -> None:
    """Remove what was downloaded and is unpacked; what a person has dropped is that person's."""
    if all(one.origin for one in fetched):
        for piece in planned.pieces:
            piece.target.unlink(missing_ok=True)


def _move(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return path.replace(folder / path.name)


def _unpack_limits(file: RemoteFile, card: Card, settings: FetchSettings) -> ArchiveLimits:
    if file.limits is None:
        raise CardError(f"card {card.name}: {file.name} is unpacked but has no limits")
    return ArchiveLimits(file.limits.files, file.limits.bytes, settings.largest_ratio)


def _private_patterns(card: Card) -> list[str]:
    """Patterns of whole paths: the card's name a file, or a folder with all that is in it."""
    return [
        pattern
        for name in card.never_keep
        for pattern in (name, f"*/{name}", f"{name}/*", f"*/{name}/*")
    ]
