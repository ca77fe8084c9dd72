"""Get a data set into its source folder, and write a receipt of every file in it.

Made sets are made on the spot. Sets of other people have to be put in place by the user for now:
this checks that they are there, and otherwise says what goes where and which page to ask.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.manifest import videos_folder
from vqathinker.params import DataParams

__all__ = ["SetNotInPlaceError", "fetch", "write_receipt"]


class SetNotInPlaceError(FileNotFoundError):
    """Files of a set that the user has to put in place are not there."""


def fetch(name: str, params: DataParams, out: Path, receipt: Path) -> dict[str, Any]:
    """Get the set `name` into the folder `out` and write its receipt.

    Args:
        name: a set that has a card.
        params: section `data` of params.yaml; made sets are made from it.
        out: the set's source folder: a label file and `videos/`. What a made set left in it is
            replaced as a whole; files put there by hand are only read.
        receipt: JSON file to write.

    Returns:
        The receipt: {"set", "files": [{"path", "bytes", "sha256"}], "made_by"}, paths sorted and
        relative to `out`.

    Raises:
        CardError: no such set.
        SetNotInPlaceError: the label file or the videos of a set that is not made are not in `out`.
        FileExistsError: `out` of a made set holds something that is no data set.
    """
    card = load_card(name, Path(params.cards))
    if card.made:
        _make(card, params, out)
    else:
        _require_in_place(card, out)
    return write_receipt(card, out, receipt)


def write_receipt(card: Card, out: Path, receipt: Path) -> dict[str, Any]:
    """Describe every file of the set in the folder `out` and write that; see `fetch`."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    console = Console(stderr=True)
    quiet = not console.is_terminal
    shown = track(files, f"hashing {card.name}", console=console, disable=quiet)
    content: dict[str, Any] = {
        "set": card.name,
        "files": _describe(shown, out),
        "made_by": "vqathinker.datasets.demo" if card.made else "put in place by the user",
    }
    receipt.parent.mkdir(parents=True, exist_ok=True)
    temporary = receipt.with_name(f".{receipt.name}.{os.getpid()}.part")
    temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    temporary.replace(receipt)
    return content


def _make(card: Card, params: DataParams, out: Path) -> None:
    from vqathinker.datasets.demo import make_set  # noqa: PLC0415  needs ffmpeg, others do not

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
    places = [*(out / name for name in card.label_files), videos]
    missing = [str(path) for path in places if not path.exists()]
    if not missing:
        return
    addresses = {out / file.folder() / file.name: file.urls for file in card.files}
    labels = [
        f"\n     {path}: {addresses[path][0] if addresses.get(path) else 'your own'}"
        for path in places[:-1]
    ]
    raise SetNotInPlaceError(
        f"{card.title}: {' and '.join(missing)} not there. You have to put this set in place:"
        f"\n  1. Get it: {card.access.say.strip()}\n     Page: {card.access.page}"
        f"\n  2. Put the videos into {videos}/, keeping the folders of their ids."
        f"\n  3. Put the label files where they belong:{''.join(labels)}"
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
