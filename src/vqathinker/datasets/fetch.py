"""Fetch a data set into its source folder and write a receipt of all its files.

Demo sets are generated. Published sets are downloaded as their cards describe. The files of your
own sets must already be in place.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import DownloadContext
from vqathinker.acquisition.errors import NotFoundError, RetryPolicy
from vqathinker.atomic import whole_folder
from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.fetching.fetcher import FileFetcher
from vqathinker.datasets.fetching.journal import FetchedFile, FetchJournal, FetchResult
from vqathinker.datasets.fetching.manual_files import UserActionError, require_manual_files
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
    """Fetch the set `name` into the folder `out` and write its receipt.

    Args:
        params: section `data` of params.yaml, which also defines the demo sets.
        settings: section `download` of params.yaml.
        out: source folder of the set, with label files and `videos/`. A demo set replaces the whole
            folder; otherwise, files of the user are only read. Downloads go to `downloads` next to
            it. Archives are removed after unpacking, except the user's and with `keep_archives`.
        hashes: path of the `HashTable`.
        workers: number of source contents of a demo set to encode in parallel.

    Returns:
        The receipt, see `write_receipt`.

    Raises:
        CardError: the set has no card.
        UserActionError: the user has to get a file or a password. All other files are in place.
        TransferError: a file cannot be downloaded or unpacked; the next call resumes.
        LabelError: the labels, which name the videos, cannot be read.
        InputError: `out` of a demo set holds something else, a file or folder of the set cannot be
            read, or a link leads back to a folder above it.
        LockedError: another process is fetching the set.
    """
    card = load_card(name, Path(params.cards))
    with open_journal(out, {"set": name}) as entries:
        if card.is_synthetic:
            from vqathinker.datasets.synthetic.demo import make_set  # noqa: PLC0415  needs ffmpeg

            if out.exists() and any(out.iterdir()) and not (out / card.label.file).is_file():
                hint = "move its files elsewhere"
                raise InputError(
                    f"{out}: has no {card.label.file}, so it is not a data set; {hint}"
                )
            entries.remove()  # a demo set replaces the folder atomically and never resumes
            with whole_folder(out) as part:
                make_set(name, params, part, workers)
            ffmpeg = describe_ffmpeg(params.demo.ffmpeg if params.demo else None)
            return write_receipt(card, out, receipt, FetchResult(), ffmpeg)
        mirror = None if settings.mirror is None else Path(settings.mirror)
        context = DownloadContext(RetryPolicy(settings.attempts), HashTable(hashes), mirror)
        journal, keep_archives = FetchJournal(out, entries), settings.keep_archives
        fetcher = FileFetcher(card, out, journal, context, keep_archives=keep_archives)
        result = _fetch_card_files(card, out, journal, fetcher)
        _require_in_place(card, out)
        return write_receipt(card, out, receipt, result)


def _fetch_card_files(
    card: Card, source: Path, journal: FetchJournal, fetcher: FileFetcher
) -> FetchResult:
    """Fetch every file of the card that is not in place; label files first: they name the videos.

    If the user has put videos into `source/videos`, only label files are fetched.
    """

    def fetch(files: Sequence[RemoteFile]) -> FetchResult:
        fetched: list[FetchedFile] = []
        gone: list[str] = []
        for entry in files:
            videos = read_labels(source, card)["video"] if entry.per_video else None
            for file in [entry] if videos is None else map(entry.for_video, videos):
                try:
                    fetcher.fetch(file)
                except NotFoundError as error:
                    if not file.may_vanish:
                        raise
                    _log.warning("%s: no longer at its origin: %s", file.name, error)
                    gone.append(file.name)
                fetched += journal.downloads_of(file.name)
        missing = [file for file in files if file.manual and not fetcher.is_in_place(file)]
        require_manual_files(card, missing, source)
        return FetchResult(tuple(fetched), tuple(gone))

    paths = {file: (PurePosixPath(file.folder()) / file.name).as_posix() for file in card.files}
    labels = fetch([file for file in card.files if paths[file] in card.label_files])
    others = [file for file in card.files if paths[file] not in card.label_files]
    if others and journal.has_manual_videos():
        _log.warning("%s: contains videos of your own; no videos are fetched", source)
        return FetchResult(labels.fetched, labels.gone, is_manual=True)
    videos = fetch(others)
    fetched, gone = labels.fetched + videos.fetched, labels.gone + videos.gone
    return FetchResult(fetched, gone, is_manual=not card.files)


def _require_in_place(card: Card, out: Path) -> None:
    videos = Path(os.path.realpath(out / card.videos_folder))
    labels = [out / name for name in card.label_files]
    missing = [path for path in (*labels, videos) if not path.exists()]
    if not missing:
        return
    message = f"{card.title}: not found: {', '.join(map(str, missing))}."
    if card.files_of and missing == [videos]:
        raise UserActionError(
            f"{message} This set uses the videos of {card.files_of}: run `vqathinker data fetch "
            f"{card.files_of}` first, then rerun the same command."
        )
    page = "" if card.access.page is None else f" ({card.access.page})"
    raise UserActionError(
        f"{message} You have to supply this set: {card.access.say.strip()}{page} Put the videos "
        f"into {videos}/, in the folders that the label ids name, and save the labels as "
        f"{', '.join(map(str, labels))}. Then rerun the same command."
    )
