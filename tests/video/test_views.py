"""View tiles: native crops at fixed places, and their way through shards and the store."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.video.conftest import MakeClip

from vqathinker.video.decode import decode_clip
from vqathinker.video.orientation import Pixels
from vqathinker.video.probe import probe
from vqathinker.video.readers import PyavReader
from vqathinker.video.sampling import ClipSetting
from vqathinker.video.shard import decode_shard
from vqathinker.video.statistics import STATISTICS
from vqathinker.video.store import ClipStore
from vqathinker.video.views import cut_tiles, tile_corners
from vqathinker.video.workers import Limits

TILES = ClipSetting(6, 32, 4)
LAVFI = ("-f", "lavfi", "-i")


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def tiles_of(strip: Pixels, setting: ClipSetting) -> list[Pixels]:
    """Tiles (size, size, 3) of a strip (3, size, width)."""
    return np.split(strip.transpose(1, 2, 0), setting.tiles, axis=1)


@given(
    st.integers(1, 300), st.integers(1, 300),
    st.builds(ClipSetting, st.just(6), st.integers(1, 64), st.integers(1, 9)),
)  # fmt: skip
def test_tiles_are_native_pixels(height: int, width: int, setting: ClipSetting) -> None:
    frame, size = noise(height, width), setting.size
    rows, columns = max(height, size), max(width, size)
    padded = np.pad(frame, ((0, rows - height), (0, columns - width), (0, 0)), mode="symmetric")
    strip = cut_tiles(frame, setting)
    assert strip.shape == (3, size, setting.width)
    corners = tile_corners(rows, columns, setting)
    assert len(corners) == setting.tiles
    for tile, (top, left) in zip(tiles_of(strip, setting), corners, strict=True):
        assert 0 <= top <= rows - size
        assert 0 <= left <= columns - size
        np.testing.assert_array_equal(tile, padded[top : top + size, left : left + size])


@pytest.mark.parametrize(
    ("height", "width", "tiles", "rows"),
    [(540, 960, 4, 2), (540, 960, 6, 2), (960, 540, 6, 3), (540, 960, 2, 1), (960, 540, 2, 2)],
)
def test_each_cell_of_the_grid_has_a_tile(height: int, width: int, tiles: int, rows: int) -> None:
    columns, size = tiles // rows, 32
    corners = tile_corners(height, width, ClipSetting(6, size, tiles))
    for number, (top, left) in enumerate(corners):
        row, column = divmod(number, columns)
        assert height * row / rows - 1 < top < height * (row + 1) / rows - size + 1
        assert width * column / columns - 1 < left < width * (column + 1) / columns - size + 1


def test_places_depend_on_the_size_of_the_frame_only() -> None:
    assert tile_corners(540, 960, TILES) == tile_corners(540, 960, TILES)
    assert tile_corners(540, 960, TILES) != tile_corners(540, 962, TILES)
    corners = tile_corners(540, 960, TILES)
    # Not the same place in every cell.
    assert len({(top % 270, left % 480) for top, left in corners}) == 4


def test_decoded_tiles_are_those_of_the_sampled_frames(mp4: Path) -> None:
    clip = decode_clip(mp4, TILES, probe(mp4).frames, "pyav")
    with PyavReader(mp4) as video:
        native, seconds = video.read(clip.indices, lambda _, frame: frame.copy())
    np.testing.assert_array_equal(clip.frames, [cut_tiles(frame, TILES) for frame in native])
    assert clip.seconds == seconds
    assert clip.statistics is not None
    assert clip.statistics.shape == (6, STATISTICS)
    assert clip.statistics.dtype == np.float32
    assert decode_clip(mp4, ClipSetting(6, 32), probe(mp4).frames, "pyav").statistics is None


def test_shard_of_tiles_has_pixels_and_statistics(mp4: Path, tmp_path: Path) -> None:
    frames = probe(mp4).frames
    rows = pd.DataFrame(
        {"video": ["a", "b"], "file": [mp4.name] * 2, "frames": [frames] * 2, "status": ["ok"] * 2}
    )
    out = tmp_path / "shard"
    limits = Limits(timeout_s=60, memory_mb=4000)
    assert decode_shard(rows, mp4.parent, str(TILES), out, limits) == {}
    store = ClipStore([out])
    assert store.setting == "6x32-tiles4"
    clips, clip = store.batch(["b", "a"]), decode_clip(mp4, TILES, frames, "pyav")
    assert clips.statistics is not None
    for pixels, statistics in zip(*clips, strict=True):
        np.testing.assert_array_equal(pixels, clip.frames)
        np.testing.assert_array_equal(statistics, clip.statistics)
    assert torch.equal(store.frames("a"), clips.pixels[1])


def test_frames_may_change_their_size(make_clip: MakeClip, tmp_path: Path) -> None:
    parts = [
        make_clip(f"tiles-{size}.ts", "h264", inputs=(*LAVFI, f"testsrc2=size={size}:rate=20:d=1"))
        for size in ("96x64", "64x48")
    ]
    (tmp_path / "joined.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    path = make_clip("tiles-joined.mp4", "copy", inputs=("-i", str(tmp_path / "joined.ts")))
    setting = ClipSetting(12, 32, 4)  # some frames lie just before the change
    clip = decode_clip(path, setting, probe(path).frames, "pyav")
    assert clip.frames.shape == (12, 3, 32, 128)
    assert clip.statistics is not None
    assert np.isfinite(clip.statistics).all()
