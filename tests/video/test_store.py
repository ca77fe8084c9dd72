"""The clip store: what goes in comes out, in the same bytes each time."""

import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vqathinker.video.damage import Failure
from vqathinker.video.shard_file import write_shard_file
from vqathinker.video.store import ClipStore, write_shard

FRAMES, SIZE = 3, 8
SETTING = f"{FRAMES}x{SIZE}"
CUT = Failure("cut_short", "cut short: 9 of 40")


def clips(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(
        0, 256, (count, FRAMES, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator
    )


def write(path: Path, ids: list[str], **changes: Any) -> torch.Tensor:
    frames = clips(len(ids), seed=zlib.crc32(path.name.encode()))
    arguments: dict[str, Any] = {
        "frames": frames,
        "indices": torch.arange(len(ids) * FRAMES).reshape(len(ids), FRAMES),
        "failures": {},
        "setting": SETTING,
        "provenance": {"made": "here"},
    }
    write_shard(path, ids, **(arguments | changes))
    return frames


def test_clips_come_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "new" / "0000.safetensors"
    frames = write(
        path,
        ["x/1.mp4", "y/1.mp4"],
        failures={"z.mp4": CUT},
        seconds=torch.tensor([[0, 0.5, 1], [0, 1 / 3, 2]]),
    )
    store = ClipStore([path])
    assert store.ids == ["x/1.mp4", "y/1.mp4"]
    assert store.setting == SETTING
    assert store.failures == {"z.mp4": CUT}
    assert store.provenance == {str(path): {"made": "here"}}
    assert torch.equal(store.frames("y/1.mp4"), frames[1])
    assert store.indices("y/1.mp4") == [3, 4, 5]
    assert store.seconds("y/1.mp4") == pytest.approx([0, 1 / 3, 2])
    assert len(store) == 2
    assert "x/1.mp4" in store
    assert "z.mp4" not in store


def test_shards_are_read_as_one_store(tmp_path: Path) -> None:
    first = write(tmp_path / "0000", ["a", "b"], failures={"e": CUT})
    second = write(tmp_path / "0001", ["c"], failures={"f": CUT})
    store = ClipStore([tmp_path / "0000", tmp_path / "0001"])
    assert store.ids == ["a", "b", "c"]
    assert set(store.failures) == {"e", "f"}
    assert torch.equal(store.batch(["c", "a", "c"]), torch.stack([second[0], first[0], second[0]]))


def test_what_is_read_can_be_changed_without_changing_the_store(tmp_path: Path) -> None:
    frames = write(tmp_path / "0000", ["a"])
    store = ClipStore([tmp_path / "0000"])
    store.frames("a").zero_()
    assert torch.equal(store.frames("a"), frames[0])


def test_the_same_clips_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, ["a", "b"], frames=clips(2), failures={"e": CUT, "d": CUT})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "0000"
    frames = write(path, ["a"])

    def half_written(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    table = np.zeros((1, FRAMES))
    with pytest.raises(OSError, match="no space"):
        write_shard_file(path, ["b"], table, table.astype(np.int32), half_written, {}, SETTING, {})
    with pytest.raises(ValueError, match="frames are 4 bytes, expected 576"):
        write_shard_file(
            path, ["b"], table, table.astype(np.int32), lambda f: f.write(b"half"), {}, SETTING, {}
        )
    assert [entry.name for entry in tmp_path.iterdir()] == ["0000"]
    assert torch.equal(ClipStore([path]).frames("a"), frames[0])


def test_the_file_is_one_that_safetensors_reads(tmp_path: Path) -> None:
    frames = write(tmp_path / "0000", ["a", "b"])
    tensors = load_file(tmp_path / "0000")
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {
        "frames": torch.uint8,
        "indices": torch.int32,
        "seconds": torch.float64,
    }
    assert torch.equal(tensors["frames"], frames)


def test_a_clip_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    write(tmp_path / "0000", ["a"], failures={"b": CUT})
    store = ClipStore([tmp_path / "0000"])
    with pytest.raises(KeyError, match="no clip of video 'c': it is in none of the shards"):
        store.frames("c")
    with pytest.raises(KeyError, match="no clip of video 'b': cut short: 9 of 40"):
        store.batch(["a", "b"])
    with pytest.raises(KeyError, match="no clip of video 'c'"):
        store.indices("c")


def test_two_settings_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path / "0000", ["a"])
    write(tmp_path / "0001", [], frames=torch.empty(0, 6, 3, 4, 4, dtype=torch.uint8),
          indices=torch.empty(0, 6), setting="6x4")  # fmt: skip
    with pytest.raises(ValueError, match="0001: clips of setting 6x4, the shards before it of 3x8"):
        ClipStore([tmp_path / "0000", tmp_path / "0001"])


def test_an_id_in_two_shards_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "0000", ["a"])
    write(tmp_path / "0001", ["a"])
    with pytest.raises(ValueError, match="video 'a' is also in a shard before it"):
        ClipStore([tmp_path / "0000", tmp_path / "0001"])


def test_no_shards_are_an_error() -> None:
    with pytest.raises(ValueError, match="no shard given"):
        ClipStore([])


@pytest.mark.parametrize("content", [b"", b"not a shard at all"])
def test_a_file_that_is_no_shard_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "0000.safetensors"
    path.write_bytes(content)
    with pytest.raises(
        ValueError,
        match=r"0000\.safetensors: is not a shard of clips, or is damaged",
    ):
        ClipStore([path])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"setting": "4x8"}, r"expected \(2, 4, 3, 8, 8\)"),
        ({"frames": clips(1)}, r"frames are \(1, 3, 3, 8, 8\)"),
        ({"frames": clips(2).float()}, "float32"),
        ({"indices": torch.zeros(2, 4)}, "frame indices are"),
        ({"failures": {"a": CUT}}, "occurs twice"),
        ({"failures": {"c": Failure("broken", "x")}}, "status .'broken'., expected some of"),
        ({"seconds": torch.zeros(2, 4)}, "frame seconds are"),
        ({"setting": "large"}, "not FRAMESxSIZE"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "0000", ["a", "b"], **changes)
    assert not (tmp_path / "0000").exists()
