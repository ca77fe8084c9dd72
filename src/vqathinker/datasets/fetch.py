"""Get a data set into its source folder, and write a receipt of every file in it.

Made sets are made on the spot, sets of other people are brought as their cards say, and sets of
one's own have to be in place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import DownloadContext
from vqathinker.acquisition.errors import BusyError
from vqathinker.acquisition.retry import RetryPolicy
from vqathinker.atomic import whole_folder
from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.fetching.card_files import FetchResult, fetch_card_files
from vqathinker.datasets.fetching.steps import FetchSettings
from vqathinker.datasets.manifest import videos_folder
from vqathinker.datasets.receipt import write_receipt
from vqathinker.datasets.source_files import SourceFolderError
from vqathinker.params import DownloadParams, SetParams
from vqathinker.phases.one_writer import HeldError, only_writer
from vqathinker.video.ffmpeg import describe_ffmpeg

__all__ = ["SetNotInPlaceError", "fetch_set"]


class SetNotInPlaceError(FileNotFoundError):
    """Files of a set that the user has to put in place are not there."""


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
        out: the set's source folder: label files and `videos/`. What a made set left in it is
            replaced as a whole; files put there by hand are only read. Downloads go to the folder
            `downloads` beside it.
        receipt: JSON file to write.
        hashes: table of the hashes that nobody published, see `HashTable`.
        workers: videos of a made set that are encoded at a time.

    Returns:
        The receipt, see `write_receipt`.

    Raises:
        CardError: no such set.
        SetNotInPlaceError: the label files or the videos are not there, and nothing brings them.
        FileExistsError: `out` of a made set holds something that is no data set.
        BusyError: another process is fetching the set.
        SourceFolderError: a file or folder of the set cannot be read, or a link leads in circles.
        Exception: what `fetch_card_files` raises.
    """
    card = load_card(name, Path(params.cards))
    result, ffmpeg = FetchResult(), None
    with _alone_in(out.parent):
        if card.made:
            _make_demo_set(card, params, out, workers)
            ffmpeg = describe_ffmpeg(params.demo.ffmpeg if params.demo else None)
        else:
            result = fetch_card_files(card, out, _fetch_settings(settings, hashes))
            _require_in_place(card, out)
        return write_receipt(card, out, receipt, result, ffmpeg)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let no other process fetch into the same folder, as far as its file system has locks."""
    try:
        with only_writer(folder, folder / ".lock", "is fetching this set"):
            yield
    except HeldError as error:
        raise BusyError(str(error)) from None


def _fetch_settings(settings: DownloadParams, hashes: Path) -> FetchSettings:
    mirror = None if settings.mirror is None else Path(settings.mirror)
    context = DownloadContext(RetryPolicy(settings.attempts), HashTable(hashes), mirror)
    return FetchSettings(context, settings.keep_archives)


def _make_demo_set(card: Card, params: SetParams, out: Path, workers: int) -> None:
    from vqathinker.datasets.made.demo import make_set  # noqa: PLC0415  needs ffmpeg, others do not

    if out.exists() and any(out.iterdir()) and not (out / card.label.file).is_file():
        raise FileExistsError(f"{out}: holds no {card.label.file}, so it is no data set; empty it")
    with whole_folder(out) as part:
        make_set(card.name, params, part, workers)


def _without_links(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError:
        raise SourceFolderError(f"{path}: this link leads back to itself; remove it") from None


def _require_in_place(card: Card, out: Path) -> None:
    videos = _without_links(out / videos_folder(card))
    missing = [path for path in (*(out / name for name in card.label_files), videos)
               if not path.exists()]  # fmt: skip
    if not missing:
        return
    here = f"{card.title}: {' and '.join(map(str, missing))} not there"
    if card.files_of and missing == [videos]:
        raise SetNotInPlaceError(
            f"{here}. Its videos are those of {card.files_of}: run `vqathinker data fetch "
            f"{card.files_of}` first, then the same command again."
        )
    page = "" if card.access.page is None else f"\n     Page: {card.access.page}"
    labels = "".join(f"\n     {out / name}" for name in card.label_files)
    raise SetNotInPlaceError(
        f"{here}. You have to put this set in place:"
        f"\n  1. Get it: {card.access.say.strip()}{page}"
        f"\n  2. Put the videos into {videos}/, keeping the folders of their ids."
        f"\n  3. Put the label files where they belong:{labels}"
        "\n  4. Run the same command again."
    )
