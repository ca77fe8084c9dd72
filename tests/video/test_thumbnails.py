"""Thumbnails of clips."""

from pathlib import Path

import pytest
import torch

from vqathinker.errors import InputError
from vqathinker.video.statistics import STATISTICS
from vqathinker.video.store import write_shard
from vqathinker.video.thumbnails import read_thumbnails, write_thumbnails

CLIPS, FRAMES = 20, 3


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Every frame of every clip has a different grey level."""
    grey = 4 * torch.arange(CLIPS * FRAMES, dtype=torch.uint8).view(CLIPS, FRAMES, 1, 1, 1)
    indices = torch.arange(FRAMES).expand(CLIPS, FRAMES)
    ids = [f"{number:02d}.mp4" for number in range(CLIPS)]
    path = tmp_path / "0000.safetensors"
    write_shard(path, ids, grey.expand(-1, -1, 3, 112, 112), indices, {}, f"{FRAMES}x112", {})
    return path


def test_sheets_contain_all_frames(shard: Path, tmp_path: Path) -> None:
    assert write_thumbnails([shard], tmp_path / "mine") == CLIPS
    found = read_thumbnails([tmp_path / "mine"])["mine"]
    assert (found.frames, found.px, len(found.sheets)) == (FRAMES, 80, 2)
    for number, video in enumerate(found.videos):
        strip = found.strip(video)
        assert strip.size == (FRAMES * 80, 80)
        for frame in range(FRAMES):
            grey = strip.getpixel((frame * 80 + 40, 40))[0]
            assert grey == pytest.approx(4 * (number * FRAMES + frame), abs=6)
    assert found.strip("other.mp4") is None


def test_the_first_tile_stands_for_its_frame(tmp_path: Path) -> None:
    tiles = 50 * torch.arange(1, 5, dtype=torch.uint8).repeat_interleave(56)  # grey levels
    indices = torch.arange(FRAMES)[None]
    shard = tmp_path / "0000.safetensors"
    frames = tiles.expand(1, FRAMES, 3, 56, -1)
    statistics = torch.zeros(1, FRAMES, STATISTICS)
    write_shard(shard, ["a"], frames, indices, {}, f"{FRAMES}x56-tiles4", {}, statistics)
    write_thumbnails([shard], tmp_path / "mine")
    found = read_thumbnails([tmp_path / "mine"])["mine"]
    assert (found.frames, found.tiles, found.px) == (FRAMES, 4, 56)
    strip = found.strip("a")
    assert strip.size == (FRAMES * 56, 56)
    assert all(low >= 44 and high <= 56 for low, high in strip.getextrema())


def test_same_clips_give_same_bytes(shard: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_thumbnails([shard], tmp_path / name)
    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_invalid_folder_is_rejected(shard: Path, tmp_path: Path) -> None:
    write_thumbnails([shard], tmp_path / "mine")
    (tmp_path / "mine" / "0001.webp").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"0001\.webp"):
        read_thumbnails([tmp_path / "mine"])
    (tmp_path / "mine" / "index.json").write_text('{"frames": "six"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"index\.json"):
        read_thumbnails([tmp_path / "mine"])
