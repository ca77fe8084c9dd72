"""Archives and label files of all cards, made from stand-in videos."""

import hashlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.acquisition.conftest import pack
from tests.rehearsal.labels import label_files
from tests.rehearsal.sets import SETS, StandInSet, counts
from tests.rehearsal.videos import make_video

from vqathinker.datasets.card import Card, load_card

MANUAL = "manual"  # folder of the files that a user has to request


def make_archives(folder: Path) -> None:
    """Write every file of every card to `folder`/CARD, or to `folder`/manual/CARD."""
    for card, one in SETS.items():
        _pack(folder, load_card(card), one)
        for name, rows in {card: one.videos, **one.shared}.items():
            ids = [video.label for video in rows if video.label is not None]
            for file, content in label_files(name, ids).items():
                _write(folder / name / file, content)


def stand_ins(folder: Path) -> dict[str, Any]:
    """Content of `stand-ins.json`: rows, sizes and hashes.

    Only files that have a hash in the real card have one here.
    """
    found = {}
    for card, rows in counts().items():
        parts = [part for file in load_card(card).files for part in (file, *file.parts)]
        paths = {part.name: folder / card / part.name for part in parts if part.sha256}
        files = {
            name: {
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for name, path in paths.items()
            if path.is_file()
        }
        found[card] = {"expected": rows, "files": files}
    return found


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _pack(folder: Path, card: Card, one: StandInSet) -> None:
    videos = [video for rows in (one.videos, *one.shared.values()) for video in rows if video.path]
    archives: dict[str, dict[str, bytes]] = defaultdict(dict)
    with ThreadPoolExecutor(2) as threads:
        contents = threads.map(make_video, videos)
        for video, content in zip(videos, contents, strict=True):
            archives[video.archive][str(video.path)] = content
    known = {file.name: file for file in card.files}
    for name, files in archives.items():
        if name in {"", "{video}"}:  # files without an archive
            for path, content in files.items():
                _write(folder / ("" if name else MANUAL) / card.name / path, content)
            continue
        content = pack("tar.gz" if name.endswith(".tar.gz") else "zip", files, one.password)
        if name not in known:
            _write(folder / MANUAL / card.name / name, content)
        elif parts := known[name].parts:
            step = -(-len(content) // len(parts))
            for number, part in enumerate(parts):
                _write(folder / card.name / part.name, content[number * step :][:step])
        else:
            _write(folder / card.name / name, content)
