"""Get a data set into its source folder, and write a receipt of every file in it.

Made sets are made on the spot. Sets of other people are fetched as their cards say. Your own sets
have to be in place.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import DownloadContext
from vqathinker.acquisition.errors import GoneError
from vqathinker.acquisition.retry import RetryPolicy
from vqathinker.atomic import whole_folder
from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal, FetchResult
from vqathinker.datasets.fetching.plan import (
    downloads_folder,
    expand_per_video,
    is_in_place,
    is_label_file,
    plan_file,
    require_manual_files,
)
from vqathinker.datasets.fetching.steps import FileFetcher, remove_archives
from vqathinker.datasets.matching import SourceFolderError
from vqathinker.datasets.receipt import write_receipt
from vqathinker.datasets.remote_file import RemoteFile
from vqathinker.errors import InputError
from vqathinker.journal import open_journal
from vqathinker.params import DownloadParams, SetParams
from vqathinker.video.ffmpeg import describe_ffmpeg

_log = logging.getLogger(__name__)


class SetNotInPlaceError(InputError):
    """Files of a set that the user has to put in place are missing."""


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
        name: a set that has a card.
        params: section `data` of params.yaml; made sets are made from it.
        settings: section `download` of params.yaml.
        out: the set's source folder: label files and `videos/`. A made set replaces it as a whole.
            Files that the user has put there are only read. Downloads go to the folder `downloads`
            next to it.
        receipt: JSON file to write.
        hashes: table of the hashes that nobody published, see `HashTable`.
        workers: videos of a made set that are encoded at a time.

    Returns:
        The receipt, see `write_receipt`.

    Raises:
        CardError: no such set.
        SetNotInPlaceError: the label files or the videos are missing, and the card has no origin.
        InputError: `out` of a made set holds something else.
        HeldError: another process is fetching the set.
        SourceFolderError: a file or folder of the set cannot be read, or a link leads in circles.
        Exception: see `fetch_card_files`.
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
        journal = FetchJournal(out, entries)
        keep = settings.keep_archives
        result = fetch_card_files(card, out, journal, context, keep_archives=keep)
        _require_in_place(card, out)
        return write_receipt(card, out, receipt, result)


def fetch_card_files(
    card: Card,
    source: Path,
    journal: FetchJournal,
    context: DownloadContext,
    *,
    keep_archives: bool,
) -> FetchResult:
    """Fetch every file of the card that is not in place, into `source` and `source/../downloads`.

    Label files come first, since they name the videos. If the user has put videos into
    `source/videos`, they stay, and only label files are fetched. Files that the user has put into
    `downloads` always stay; with `keep_archives` other archives stay there, too.

    Raises:
        TransferError: a file cannot be downloaded or unpacked; the next call resumes.
        ManualFileMissingError: the user has to get a file; all others are in place.
        PasswordMissingError: archives need a password that the environment does not hold.
        LabelError: the labels, which name the videos, cannot be read.
    """
    fetcher = FileFetcher(card, source, journal, context)

    def fetch(files: Sequence[RemoteFile]) -> FetchResult:
        fetched: list[FetchedFile] = []
        gone: list[str] = []
        for file in (one for stated in files for one in expand_per_video(stated, card, source)):
            try:
                for planned in plan_file(file, card, source, journal):
                    fetcher.put_into_place(planned)
            except GoneError as error:
                if not file.may_vanish:
                    raise
                _log.warning("%s: gone at its origin: %s", file.name, error)
                gone.append(file.name)
            fetched += journal.of_card_file(file.name)
            # After the journal has its files: a process killed before finds the archive.
            unpacked = file.unpack != "none" and is_in_place(file, source, journal)
            if unpacked and not keep_archives:
                remove_archives(journal.of_card_file(file.name), downloads_folder(source))
        missing = [file for file in files if file.manual and not is_in_place(file, source, journal)]
        require_manual_files(card, missing, downloads_folder(source))
        return FetchResult(tuple(fetched), tuple(gone))

    labels = fetch([file for file in card.files if is_label_file(file, card)])
    others = [file for file in card.files if not is_label_file(file, card)]
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
    try:
        videos = (out / card.videos_folder).resolve()
    except RuntimeError:
        folder = out / card.videos_folder
        raise SourceFolderError(f"{folder}: this link leads back to itself; remove it") from None
    labels = [out / name for name in card.label_files]
    missing = [path for path in (*labels, videos) if not path.exists()]
    if not missing:
        return
    message = f"{card.title}: missing: {', '.join(map(str, missing))}."
    if card.files_of and missing == [videos]:
        raise SetNotInPlaceError(
            f"{message} Its videos are those of {card.files_of}: run `vqathinker data fetch "
            f"{card.files_of}` first, then the same command again."
        )
    page = "" if card.access.page is None else f" ({card.access.page})"
    raise SetNotInPlaceError(
        f"{message} You have to put this set in place:"
        f"\n  1. Get it: {card.access.say.strip()}{page}"
        f"\n  2. Put the videos below {videos}/, with the folders of their ids."
        f"\n  3. Save the labels as {', '.join(map(str, labels))}."
        "\n  4. Run the same command again."
    )
