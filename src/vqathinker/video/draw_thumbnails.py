"""Draw thumbnails of clips; `thumbnails` says what a folder of them holds.

WebP at fixed settings, so the same clips give the same bytes.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vqathinker.atomic import whole_file
from vqathinker.video.sampling import parse_setting
from vqathinker.video.store import ClipStore
from vqathinker.video.thumbnails import INDEX, webp

__all__ = ["write_thumbnails"]

_PX = 80  # side of a frame
_ROWS = 16  # clips of a sheet
_QUALITY = 30


def write_thumbnails(clips: Sequence[Path], out_dir: Path) -> int:
    """Write the sheets of some shards' clips, and `index.json`; returns how many clips.

    Args:
        clips: shards of one setting, in the order of the manifest.
        out_dir: the folder to write.

    Raises:
        InputError: a file is no shard of clips, or the shards do not belong together.
    """
    store = ClipStore(clips)
    shape = parse_setting(store.setting)
    frames, px = shape.frames, min(_PX, shape.size)
    sheets = []
    for number, start in enumerate(range(0, len(store), _ROWS)):
        rows = [_row(store, video, px) for video in store.ids[start : start + _ROWS]]
        sheets.append(f"{number:04d}.webp")
        with whole_file(out_dir / sheets[-1]) as part:
            part.write_bytes(webp(Image.fromarray(np.concatenate(rows)), _QUALITY))
    index = {"frames": frames, "px": px, "rows": _ROWS, "sheets": sheets, "videos": store.ids}
    with whole_file(out_dir / INDEX) as part:
        part.write_text(json.dumps(index, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(store)


def _row(store: ClipStore, video: str, px: int) -> np.ndarray:
    """(px, T*px, 3) uint8: the frames of a clip side by side."""
    frames = store.frames(video).permute(0, 2, 3, 1).contiguous().numpy()  # (T,S,S,3)
    small = (Image.fromarray(frame).resize((px, px), Image.Resampling.BOX) for frame in frames)
    return np.concatenate([np.asarray(frame) for frame in small], axis=1)
