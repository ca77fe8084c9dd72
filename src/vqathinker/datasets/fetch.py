"""Get a data set into its source folder, and write a receipt of every file in it.

Made sets are made on the spot. Sets of other people are fetched as their cards say. Your own sets
have to be in place.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import DownloadContext
from vqathinker.acquisition.errors import GoneError, RetryPolicy
from vqathinker.atomic import whole_folder
from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.fetching.drops import UserActionError, require_manual_files
from vqathinker.datasets.fetching.fetcher import FileFetcher
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal, FetchResult
from vqathinker.datasets.labels import read_labels
from vqathinker.datasets.receipt import write_receipt
from vqathinker.datasets.remote_file import RemoteFile
from vqathinker.errors import InputError
from vqathinker.journal import open_journal
from vqathinker.params import DownloadParams, SetParams
from vqathinker.video.ffmpeg import describe_ffmpeg

_log = logging.getLogger(__name__)


def fetch_set(
    name: str,
    params: SetParams,
    settings: DownloadParams,
    out: Path,
    receipt: Path,
    hashes: Path,
    workers: int = 1,
) -> dict[str, Any]:
    """Get the set `name` into the folder `out` and write its receipt.

    Args:
        params: section `data` of params.yaml; made sets are made from it.
        settings: section `download` of params.yaml.
        out: the set's source folder: label files and `videos/`. A made set replaces it as a whole.
            Files that the user has put there are only read. Downloads go to the folder `downloads`
            next to it, where files of the user stay, and others only with `keep_archives`.
        hashes: table of the hashes that nobody published, see `HashTable`.
        workers: number of contents of a made set that are encoded at a time.

    Returns:
        The receipt, see `write_receipt`.

    Raises:
        CardError: no such set.
        UserActionError: the user has to get a file, or a password; all other files are in place.
        TransferError: a file cannot be downloaded or unpacked; the next call resumes.
        LabelError: the labels, which name the videos, cannot be read.
        InputError: `out` of a made set holds something else, a file or folder of the set cannot be
            read, or a link leads in circles.
        LockedError: another process is fetching the set.
    """
    card = load_card(name, Path(params.cards))
    with open_journal(out, {"set": name}) as entries:
        if card.made:
            entries.remove()  # a made set appears as a whole, so there is nothing to resume
            _make_demo_set(card, params, out, workers)
            ffmpeg = describe_ffmpeg(params.demo.ffmpeg if params.demo else None)
            return write_receipt(card, out, receipt, FetchResult(), ffmpeg)
        mirror = None if settings.mirror is None else Path(settings.mirror)
        context = DownloadContext(RetryPolicy(settings.attempts), HashTable(hashes), mirror)
        journal, keep = FetchJournal(out, entries), settings.keep_archives
        fetcher = FileFetcher(card, out, journal, context, keep_archives=keep)
        result = _fetch_card_files(card, out, journal, fetcher)
        _require_in_place(card, out)
        return write_receipt(card, out, receipt, result)


def _fetch_card_files(
    card: Card, source: Path, journal: FetchJournal, fetcher: FileFetcher
) -> FetchResult:
    """Fetch every file of the card that is not in place, label files first: they name the videos.

    If the user has put videos into `source/videos`, they stay, and only label files are fetched.
    """

    def fetch(files: Sequence[RemoteFile]) -> FetchResult:
        fetched: list[FetchedFile] = []
        gone: list[str] = []
        for stated in files:
            videos = read_labels(source, card)["video"] if stated.per_video else None
            for file in [stated] if videos is None else map(stated.for_video, videos):
                try:
                    fetcher.fetch(file)
                except GoneError as error:
                    if not file.may_vanish:
                        raise
                    _log.warning("%s: gone at its origin: %s", file.name, error)
                    gone.append(file.name)
                fetched += journal.of_card_file(file.name)
        missing = [file for file in files if file.manual and not fetcher.is_in_place(file)]
        require_manual_files(card, missing, source)
        return FetchResult(tuple(fetched), tuple(gone))

    paths = {file: (PurePosixPath(file.folder()) / file.name).as_posix() for file in card.files}
    labels = fetch([file for file in card.files if paths[file] in card.label_files])
    others = [file for file in card.files if paths[file] not in card.label_files]
    if others and journal.has_manual_videos():
        _log.warning("%s: the videos there are yours; none is fetched", source)
        return FetchResult(labels.fetched, labels.gone, by_hand=True)
    videos = fetch(others)
    fetched, gone = labels.fetched + videos.fetched, labels.gone + videos.gone
    return FetchResult(fetched, gone, by_hand=not card.files)


def _make_demo_set(card: Card, params: SetParams, out: Path, workers: int) -> None:
    from vqathinker.datasets.made.demo import make_set  # noqa: PLC0415  needs ffmpeg, others do not

    if out.exists() and any(out.iterdir()) and not (out / card.label.file).is_file():
        raise InputError(f"{out}: has no {card.label.file}, so it is not a data set; empty it")
    with whole_folder(out) as part:
        make_set(card.name, params, part, workers)


def _require_in_place(card: Card, out: Path) -> None:
    videos = Path(os.path.realpath(out / card.videos_folder))
    labels = [out / name for name in card.label_files]
    missing = [path for path in (*labels, videos) if not path.exists()]
    if not missing:
        return
    message = f"{card.title}: missing: {', '.join(map(str, missing))}."
    if card.files_of and missing == [videos]:
        raise UserActionError(
            f"{message} Its videos are those of {card.files_of}: run `vqathinker data fetch "
            f"{card.files_of}` first, then the same command again."
        )
    page = "" if card.access.page is None else f" ({card.access.page})"
    raise UserActionError(
        f"{message} You have to put this set in place: {card.access.say.strip()}{page} Put the "
        f"videos below {videos}/, with the folders of their ids, and the labels at "
        f"{', '.join(map(str, labels))}. Then run the same command again."
    )
