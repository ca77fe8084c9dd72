"""The clip store: exact and reproducible."""

import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from vqathinker.errors import InputError
from vqathinker.video.damage import Failure
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


def test_roundtrip_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "new" / "0000.safetensors"
    frames = write(
        path,
        ["x/1.mp4", "y/1.mp4"],
        failures={"z.mp4": CUT},
    )
    store = ClipStore([path])
    assert store.ids == ["x/1.mp4", "y/1.mp4"]
    assert store.setting == SETTING
    assert store.failures == {"z.mp4": CUT}
    assert store.provenance == {str(path): {"made": "here"}}
    assert torch.equal(store.frames("y/1.mp4"), frames[1])
    tensors = load_file(path)  # safetensors can read the file
    assert [str(tensors[name].dtype) for name in ("frames", "indices", "seconds")] == [
        "torch.uint8",
        "torch.int32",
        "torch.float64",
    ]
    assert tensors["indices"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["seconds"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(store) == 2
    assert "x/1.mp4" in store
    assert "z.mp4" not in store


def test_several_shards_form_one_store(tmp_path: Path) -> None:
    first = write(tmp_path / "0000", ["a", "b"], failures={"e": CUT})
    second = write(tmp_path / "0001", ["c"], failures={"f": CUT})
    store = ClipStore([tmp_path / "0000", tmp_path / "0001"])
    assert store.ids == ["a", "b", "c"]
    assert set(store.failures) == {"e", "f"}
    assert torch.equal(
        store.batch(["c", "a", "c"]).pixels, torch.stack([second[0], first[0], second[0]])
    )
    store.frames("a").zero_()  # a copy
    assert torch.equal(store.frames("a"), first[0])


def test_same_clips_give_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, ["a", "b"], frames=clips(2), failures={"e": CUT, "d": CUT})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_missing_clip_is_named(tmp_path: Path) -> None:
    write(tmp_path / "0000", ["a"], failures={"b": CUT})
    store = ClipStore([tmp_path / "0000"])
    with pytest.raises(KeyError, match="'c'"):
        store.frames("c")
    with pytest.raises(KeyError, match=f"'b': {CUT.reason}"):
        store.batch(["a", "b"])


def test_incompatible_shards_are_rejected(tmp_path: Path) -> None:
    write(tmp_path / "0000", ["a"], provenance={"reader": "pyav"})
    write(tmp_path / "0001", [], frames=torch.empty(0, 6, 3, 4, 4, dtype=torch.uint8),
          indices=torch.empty(0, 6), setting="6x4")  # fmt: skip
    write(tmp_path / "0002", ["a"], provenance={"reader": "pyav"})
    write(tmp_path / "0003", ["b"], provenance={"reader": "decord"})
    for other, named in (("0001", "6x4"), ("0002", "'a'"), ("0003", "decord")):
        with pytest.raises(InputError, match=named) as caught:
            ClipStore([tmp_path / "0000", tmp_path / other])
        assert str(tmp_path / other) in str(caught.value)
    with pytest.raises(InputError, match="vqathinker decode"):
        ClipStore([])


@pytest.mark.parametrize("content", [b"", b"not a shard at all"])
def test_invalid_shard_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "0000.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"0000\.safetensors"):
        ClipStore([path])
