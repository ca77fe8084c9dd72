"""Thumbnails of a benchmark's clips: sheets of sixteen clips, with one row of frames per clip.

Sheets instead of single images, so that 17,000 clips need about 1,000 files. WebP settings are
fixed, so that the same clips give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from vqathinker.atomic import whole_file
from vqathinker.errors import read_json, reading
from vqathinker.products import THUMBNAILS
from vqathinker.video.sampling import parse_setting

if TYPE_CHECKING:  # it imports torch, which readers of thumbnails do not need
    from vqathinker.video.store import ClipStore

_INDEX = "index.json"
_PX = 80  # side of a frame
_ROWS = 16  # clips per sheet
_QUALITY = 30


def write_thumbnails(clips: Sequence[Path], out_dir: Path) -> int:
    """Write the sheets for the clips of some shards, and `index.json`; return the number of clips.

    Raises InputError like `ClipStore`.
    """
    from vqathinker.video.store import ClipStore  # noqa: PLC0415

    store = ClipStore(clips)
    shape = parse_setting(store.setting)
    frames, px = shape.frames, min(_PX, shape.size)
    sheets = []
    for number, start in enumerate(range(0, len(store), _ROWS)):
        rows = [_row(store, video, px) for video in store.ids[start : start + _ROWS]]
        sheets.append(f"{number:04d}.webp")
        with whole_file(out_dir / sheets[-1]) as part:
            part.write_bytes(webp(Image.fromarray(np.concatenate(rows)), _QUALITY))
    index = {
        "frames": frames, "tiles": shape.tiles, "px": px, "rows": _ROWS, "sheets": sheets,
        "videos": store.ids,
    }  # fmt: skip
    with whole_file(out_dir / _INDEX) as part:
        part.write_text(json.dumps(index, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(store)


def _row(store: "ClipStore", video: str, px: int) -> np.ndarray:
    """Frames of a clip side by side, or the first tile of each: (px, T*px, 3) uint8."""
    frames = store.frames(video).permute(0, 2, 3, 1).contiguous().numpy()  # (T,size,width,3)
    frames = frames[:, :, : frames.shape[1]]
    small = (Image.fromarray(frame).resize((px, px), Image.Resampling.BOX) for frame in frames)
    return np.concatenate([np.asarray(frame) for frame in small], axis=1)


class Thumbnails(NamedTuple):
    """The thumbnails of a benchmark.

    `videos` are in the order of rows, with `rows` of them on each sheet. A row has `frames` squares
    with sides of `px` pixels, in temporal order: whole frames, or the first of their `tiles`.
    """

    folder: Path
    frames: int
    tiles: int
    px: int
    rows: int
    sheets: list[str]
    videos: list[str]

    def strip(self, video: str) -> Image.Image | None:
        """Frames of one clip side by side; None if the clip has no thumbnails."""
        if video not in self.videos:
            return None
        sheet, row = divmod(self.videos.index(video), self.rows)
        with Image.open(self.folder / self.sheets[sheet]) as image:
            top = row * self.px
            return image.convert("RGB").crop((0, top, self.frames * self.px, top + self.px))


def webp(image: Image.Image, quality: int) -> bytes:
    """Encode an RGB image, without metadata; `quality` is 0..100."""
    out = BytesIO()
    image.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def read_thumbnails(folders: Sequence[Path]) -> Mapping[str, Thumbnails]:
    """Read thumbnails, by folder name (benchmark). Raises InputError if a folder has none."""
    return dict(_read(folder) for folder in folders)


def _read(folder: Path) -> tuple[str, Thumbnails]:
    path = folder / _INDEX
    content = read_json(path, *THUMBNAILS)
    with reading(path, *THUMBNAILS):
        found = Thumbnails(folder, **{key: content[key] for key in Thumbnails._fields[1:]})
    for sheet in found.sheets:
        with reading(folder / sheet, *THUMBNAILS), Image.open(folder / sheet) as image:
            image.verify()
    return folder.name, found
