"""The files that the cards name, from the stand-ins' videos and labels, as origins have them."""

import hashlib
import json
import shutil
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyzipper
from tests.rehearsal.labels import label_files
from tests.rehearsal.sets import SETS, StandIn, StandInSet
from tests.rehearsal.videos import make_video

from vqathinker.datasets.card import Card, load_card
from vqathinker.datasets.remote_file import RemoteFile

__all__ = ["Made", "load_made", "make_archives"]

_LISTING = "made.json"
_MAKING = ("archives", "labels", "sets", "videos")


@dataclass
class Made:
    """Where the files of each card lie, below the folder of all; dropped ones under their names."""

    folder: Path
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    dropped: dict[str, dict[str, str]] = field(default_factory=dict)

    def path(self, card: str, name: str) -> Path:
        """A file of a card, or a part of one."""
        return self.folder / self.files[card][name]

    def stand_ins(self, expected: dict[str, int]) -> dict[str, object]:
        """What `stand-ins.json` says: rows, sizes and hashes. An archive has a hash where the real
        card has one, or its origin publishes one; else the table of hashes is to learn it.
        """
        told = {}
        for card, rows in expected.items():
            stated = {name for name, _ in _stated_hashes(load_card(card))}
            files = {
                name: {
                    "bytes": self.path(card, name).stat().st_size,
                    "sha256": hashlib.sha256(self.path(card, name).read_bytes()).hexdigest(),
                }
                for name in self.files.get(card, {})
                if name in stated
            }
            told[card] = {"expected": rows, "files": files}
        return told


def make_archives(folder: Path) -> Made:
    """Make every file of every card below `folder`, which must not hold any yet."""
    made = Made(folder)
    with ThreadPoolExecutor(2) as threads:
        for card, one in SETS.items():
            videos = [*one.videos, *(video for list_ in one.shared.values() for video in list_)]
            wanted = [video for video in videos if video.path is not None]
            paths = [_raw(folder, card, video) for video in wanted]
            list(threads.map(make_video, paths, [video.quirk for video in wanted]))
            _pack(made, load_card(card), one, wanted)
            for name, rows in {card: one.videos, **one.shared}.items():
                ids = [video.label for video in rows if video.label is not None]
                for file, content in label_files(name, ids).items():
                    _keep(made, name, file, content)
    shutil.rmtree(folder / "raw")
    told = json.dumps([_recipe(), made.files, made.dropped])
    (folder / _LISTING).write_text(told, encoding="utf-8")
    return made


def load_made(folder: Path) -> Made | None:
    """What `make_archives` made there before; None where it would make something else now."""
    listing = folder / _LISTING
    if not listing.is_file():
        return None
    recipe, files, dropped = json.loads(listing.read_text(encoding="utf-8"))
    return Made(folder, files, dropped) if recipe == _recipe() else None


def _recipe() -> str:
    """Tells one way of making the files from another."""
    modules = (Path(__file__).with_name(f"{name}.py") for name in _MAKING)
    return hashlib.sha256(b"".join(module.read_bytes() for module in modules)).hexdigest()


def _stated_hashes(card: Card) -> Iterator[tuple[str, str]]:
    for file in card.files:
        yield from ((one.name, one.sha256) for one in (file, *file.parts) if one.sha256)


def _raw(folder: Path, card: str, video: StandIn) -> Path:
    return (
        folder
        / "raw"
        / card
        / (video.archive.replace("{video}", "each") or "each")
        / str(video.path)
    )


def _keep(made: Made, card: str, name: str, content: bytes) -> None:
    path = made.folder / card / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    made.files.setdefault(card, {})[name] = f"{card}/{name}"


def _pack(made: Made, card: Card, one: StandInSet, videos: list[StandIn]) -> None:
    by_archive: dict[str, list[StandIn]] = defaultdict(list)
    for video in videos:
        by_archive[video.archive].append(video)
    known = {file.name: file for file in card.files}
    for name, members in by_archive.items():
        raw = [(str(v.path), _raw(made.folder, card.name, v)) for v in members]
        file = known.get(name)
        if name in {"", "{video}"}:
            for path, source in raw:
                (_keep if name else _drop)(made, card.name, path, source.read_bytes())
            continue
        target = made.folder / card.name / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".tar.gz"):
            with tarfile.open(target, "w:gz", compresslevel=1) as archive:
                for path, source in raw:
                    archive.add(source, path)
        else:
            _zip(target, raw, one.password)
        if file is None:
            _drop(made, card.name, name, target.read_bytes())
        elif file.parts:
            _split(made, card.name, file, target)
        else:
            made.files.setdefault(card.name, {})[name] = f"{card.name}/{name}"


def _drop(made: Made, card: str, name: str, content: bytes) -> None:
    """A file that a person gets and drops."""
    _keep(made, card, name, content)
    made.dropped.setdefault(card, {})[name] = made.files[card].pop(name)


def _zip(target: Path, members: list[tuple[str, Path]], password: str | None) -> None:
    if password is None:
        with zipfile.ZipFile(target, "w") as archive:
            for path, source in members:
                archive.write(source, path)
        return
    with pyzipper.AESZipFile(target, "w", encryption=pyzipper.WZ_AES) as encrypted:
        encrypted.setpassword(password.encode())
        for path, source in members:
            encrypted.write(source, path)


def _split(made: Made, card: str, file: RemoteFile, whole: Path) -> None:
    content, count = whole.read_bytes(), len(file.parts)
    step = -(-len(content) // count)
    for number, part in enumerate(file.parts):
        _keep(made, card, part.name, content[number * step : (number + 1) * step])
    whole.unlink()
