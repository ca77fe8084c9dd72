"""Get a data set into its source folder, and write a receipt of every file in it.

Made sets are made on the spot, sets of other people are brought as their cards say, and sets of
one's own have to be in place.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from vqathinker.acquisition.transfer.download import Means
from vqathinker.acquisition.transfer.patience import Patience
from vqathinker.acquisition.transfer.recorded import HashTable
from vqathinker.datasets.bringing.bring import Brought, Keeping, bring
from vqathinker.datasets.bringing.brought import Arrival
from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.manifest import videos_folder
from vqathinker.params import DataParams, DownloadParams

__all__ = ["SetNotInPlaceError", "fetch", "write_receipt"]

_BY_HAND = "put in place by the user"


class SetNotInPlaceError(FileNotFoundError):
    """Files of a set that the user has to put in place are not there."""


def fetch(
    name: str,
    params: DataParams,
    settings: DownloadParams,
    out: Path,
    receipt: Path,
    hashes: Path,
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

    Returns:
        The receipt: set; files (path relative to `out`, bytes, sha256), by path; made_by; downloads
        (name, origin without query, bytes, sha256, revision of the hub); gone (names of files that
        may vanish at their origin and have).

    Raises:
        CardError: no such set.
        SetNotInPlaceError: the label files or the videos are not there, and nothing brings them.
        FileExistsError: `out` of a made set holds something that is no data set.
        Exception: what `bring` raises.
    """
    card = load_card(name, Path(params.cards))
    brought = Brought()
    if card.made:
        _make(card, params, out)
    else:
        brought = bring(card, out, _means(settings, hashes), _keeping(settings))
        _require_in_place(card, out)
    return write_receipt(card, out, receipt, brought)


def _means(settings: DownloadParams, hashes: Path) -> Means:
    patience = Patience(
        attempts=settings.attempts,
        first_wait_s=settings.first_wait_s,
        longest_wait_s=settings.longest_wait_s,
        longest_retry_after_s=settings.longest_retry_after_s,
        connect_timeout_s=settings.connect_s,
        read_timeout_s=settings.read_s,
        slowest_bytes_per_s=settings.slowest_bytes_per_s,
    )
    mirror = None if settings.mirror is None else Path(settings.mirror)
    # Without a seed: jobs of a cluster must not come back in step, and no result depends on it.
    return Means(patience, np.random.default_rng(), HashTable(hashes), mirror)


def _keeping(settings: DownloadParams) -> Keeping:
    return Keeping(settings.keep_archives, settings.largest_ratio)


def write_receipt(card: Card, out: Path, receipt: Path, brought: Brought) -> dict[str, Any]:
    """Describe every file of the set in the folder `out`, and what came; see `fetch`."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    console = Console(stderr=True)
    quiet = not console.is_terminal
    shown = track(files, f"hashing {card.name}", console=console, disable=quiet)
    content: dict[str, Any] = {
        "set": card.name,
        "files": _describe(shown, out),
        "made_by": _made_by(card, brought),
        "downloads": [_describe_download(arrival) for arrival in brought.arrivals],
        "gone": brought.gone,
    }
    receipt.parent.mkdir(parents=True, exist_ok=True)
    temporary = receipt.with_name(f".{receipt.name}.{os.getpid()}.part")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(receipt)
    return content


def _made_by(card: Card, brought: Brought) -> str:
    if card.made:
        return "vqathinker.datasets.made.demo"
    return _BY_HAND if brought.by_hand else "vqathinker.datasets.bringing"


def _describe_download(arrival: Arrival) -> dict[str, Any]:
    return {
        "name": arrival.name,
        "origin": arrival.origin or _BY_HAND,
        "bytes": arrival.size,
        "sha256": arrival.sha256,
        "revision": arrival.revision,
    }


def _make(card: Card, params: DataParams, out: Path) -> None:
    from vqathinker.datasets.made.demo import make_set  # noqa: PLC0415  needs ffmpeg, others do not

    if out.exists() and any(out.iterdir()) and not (out / card.label.file).is_file():
        raise FileExistsError(f"{out}: holds no {card.label.file}, so it is no data set; empty it")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        make_set(card.name, params, part)
        shutil.rmtree(out, ignore_errors=True)
        part.replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_in_place(card: Card, out: Path) -> None:
    videos = (out / videos_folder(card)).resolve()
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


def _describe(files: Iterable[Path], out: Path) -> list[dict[str, Any]]:
    described = []
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        described.append(
            {
                "path": path.relative_to(out).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": digest,
            }
        )
    return described
