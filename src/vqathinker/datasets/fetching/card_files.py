"""All files of a card, from their origins into the source folder of the set.

Label files come first, for they say which videos there are. Archives go through `downloads`, are
unpacked and removed; what is in place already is not fetched again. Order and rules are those of
docs/datasets.md.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vqathinker.acquisition.errors import GoneError
from vqathinker.datasets.card import Card
from vqathinker.datasets.fetching.journal import JOURNAL_NAME, FetchedFile, FetchJournal
from vqathinker.datasets.fetching.manual_files import require_manual_files
from vqathinker.datasets.fetching.origins import OriginResolver
from vqathinker.datasets.fetching.plan import (
    PlannedFile,
    downloads_folder,
    expand_per_video,
    is_in_place,
    is_label_file,
    plan_file,
)
from vqathinker.datasets.fetching.steps import (
    FetchSettings,
    download_piece,
    record_hashes,
    remove_archives,
    unpack_pieces,
)
from vqathinker.datasets.remote_file import RemoteFile

__all__ = ["FetchResult", "fetch_card_files"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchResult:
    """What came of a set.

    Args:
        fetched: every file that was downloaded or dropped, label files first, in the card's order.
        gone: names of files that may vanish and have.
        by_hand: whether the videos were in place before; then none was fetched.
    """

    fetched: tuple[FetchedFile, ...] = ()
    gone: tuple[str, ...] = ()
    by_hand: bool = False


def fetch_card_files(card: Card, source: Path, settings: FetchSettings) -> FetchResult:
    """Fetch every file of the card that is not in place, into `source` and `source/../downloads`.

    Videos that lie in `source/videos` although none was ever fetched are the user's: they stay, and
    only label files are fetched.

    Raises:
        TransferError: a file does not come or cannot be unpacked; the next call goes on.
        ManualFileMissingError: a file is missing that only a person can get; all others are in
            place.
        PasswordMissingError: archives need a password that the environment does not hold.
        LabelError: the labels cannot be read, which say what videos there are.
    """
    journal = FetchJournal(source.parent / JOURNAL_NAME)
    resolver = OriginResolver(card, settings.download, journal)
    label_files = [file for file in card.files if is_label_file(file, card)]
    video_files = [file for file in card.files if not is_label_file(file, card)]
    labels = _fetch_stage(label_files, card, source, journal, resolver, settings)
    if video_files and journal.has_manual_videos(source):
        _log.warning("%s: videos are in place, put there by you; none is fetched", source)
        return replace(labels, by_hand=True)
    videos = _fetch_stage(video_files, card, source, journal, resolver, settings)
    return FetchResult(
        fetched=labels.fetched + videos.fetched,
        gone=labels.gone + videos.gone,
        by_hand=not card.files,
    )


def _fetch_stage(
    files: Sequence[RemoteFile],
    card: Card,
    source: Path,
    journal: FetchJournal,
    resolver: OriginResolver,
    settings: FetchSettings,
) -> FetchResult:
    """Fetch label files, or all others; what only a person can get is asked for at the end."""
    fetched: list[FetchedFile] = []
    gone: list[str] = []
    for stated in files:
        for file in expand_per_video(stated, card, source):
            try:
                for planned in plan_file(file, card, source, journal):
                    _put_into_place(planned, card, source, journal, resolver, settings)
            except GoneError as error:
                if not file.may_vanish:
                    raise
                _log.warning("%s: gone at its origin: %s", file.name, error)
                gone.append(file.name)
            fetched += journal.of_card_file(file.name)
            # Only now: whoever is killed before this line finds the archive and goes on from it.
            unpacked = file.unpack != "none" and is_in_place(file, source, journal)
            if unpacked and not settings.keep_archives:
                remove_archives(journal.of_card_file(file.name), downloads_folder(source))
    missing = [file for file in files if file.manual and not is_in_place(file, source, journal)]
    require_manual_files(card, missing, downloads_folder(source))
    return FetchResult(tuple(fetched), tuple(gone))


def _put_into_place(
    planned: PlannedFile,
    card: Card,
    source: Path,
    journal: FetchJournal,
    resolver: OriginResolver,
    settings: FetchSettings,
) -> None:
    """Take one planned file through the steps: download, then unpack or leave it where it came."""
    fetched, resolved = [], []
    for piece in planned.pieces:
        resolved.append(resolver.resolve(piece))
        fetched.append(download_piece(piece, planned, resolved[-1], journal, settings.download))
    if planned.needs_unpacking:
        journal.begin_videos()
        files = unpack_pieces(planned, card)
        record_hashes(resolved, fetched, settings.download)
    else:
        files = [piece.target for piece in planned.pieces]
    sizes = {path.relative_to(source).as_posix(): path.stat().st_size for path in files}
    for one in fetched:
        journal.add(replace(one, files=sizes))
