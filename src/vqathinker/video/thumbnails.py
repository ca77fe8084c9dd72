"""Sheets with small pictures of a benchmark's clips: every frame of sixteen of them, a row a clip.

Sheets instead of single pictures: seventeen thousand clips are a thousand files. `draw_thumbnails`
draws them.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from vqathinker.errors import InputError, read_json, reading
from vqathinker.products import THUMBNAILS

__all__ = ["INDEX", "Thumbnails", "read_thumbnails", "webp"]

INDEX = "index.json"
_KEYS = {"frames": int, "px": int, "rows": int, "sheets": list, "videos": list}


class Thumbnails(NamedTuple):
    """Where the pictures of a benchmark lie.

    `videos` are in the order of rows, `rows` of them on each of `sheets`; a row has `frames`
    squares of `px` pixels, in the order of time.
    """

    folder: Path
    frames: int
    px: int
    rows: int
    sheets: list[str]
    videos: list[str]

    def strip(self, video: str) -> Image.Image | None:
        """The frames of one clip side by side; None where there are none."""
        if video not in self.videos:
            return None
        sheet, row = divmod(self.videos.index(video), self.rows)
        with Image.open(self.folder / self.sheets[sheet]) as image:
            top = row * self.px
            return image.convert("RGB").crop((0, top, self.frames * self.px, top + self.px))


def webp(image: Image.Image, quality: int) -> bytes:
    """The picture's bytes: nothing in them but the picture, always the same.

    Args:
        image: RGB.
        quality: 0..100.
    """
    out = BytesIO()
    image.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def read_thumbnails(folders: Sequence[Path]) -> Mapping[str, Thumbnails]:
    """Benchmark, which is the folder's name, to its thumbnails.

    Raises:
        InputError: a folder holds none.
    """
    return dict(_read(folder) for folder in folders)


def _read(folder: Path) -> tuple[str, Thumbnails]:
    path = folder / INDEX
    content = read_json(path, *THUMBNAILS)
    if not all(isinstance(content.get(key), kind) for key, kind in _KEYS.items()):
        raise InputError(f"{path}: is something else, or damaged; expected {THUMBNAILS}")
    found = Thumbnails(folder, **{key: content[key] for key in _KEYS})
    for sheet in found.sheets:
        with reading(folder / sheet, *THUMBNAILS), Image.open(folder / sheet) as image:
            image.verify()
    return folder.name, found
