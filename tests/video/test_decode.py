"""Decoding: two readers that agree, upright frames, and damage that is noticed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from vqathinker.video.decode import (
    decode_frames,
    decode_shard,
    read_decord,
    read_pyav,
    shard_rows,
)
from vqathinker.video.probe import DamagedVideo, Probe, probe
from vqathinker.video.sampling import frame_indices
from vqathinker.video.store import ClipStore

READABLE = ["mp4", "index_first", "webm", "mkv", "portrait", "upside_down", "three_frames",
            "variable_rate"]  # fmt: skip


def rows_of(paths: list[Path]) -> pd.DataFrame:
    """Manifest rows, as far as decoding needs them, of files whose folder is the source."""
    rows = [
        {"video": path.name, "file": path.name, "status": "ok", "frames": probe(path).frames}
        for path in paths
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("name", READABLE)
def test_decord_and_pyav_agree_to_the_bit(name: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(name)
    facts = probe(path)
    indices = frame_indices(facts.frames, 6)
    by_decord = read_decord(path, indices, facts.frames)
    by_pyav, _ = read_pyav(path, indices)
    assert by_decord.shape == (6, facts.height, facts.width, 3)
    np.testing.assert_array_equal(by_decord, by_pyav)


def test_frames_are_those_of_the_indices(mp4: Path) -> None:
    every, decoded = read_pyav(mp4, range(40))
    assert decoded == 40
    indices = frame_indices(40, 12)
    np.testing.assert_array_equal(read_decord(mp4, indices, 40), every[indices])


def test_a_rotated_clip_stands_upright(mp4: Path, portrait: Path) -> None:
    lying, _ = read_pyav(mp4, [7])
    upright, _ = read_pyav(portrait, [7])
    np.testing.assert_array_equal(upright[0], np.rot90(lying[0]))


def test_a_clip_is_square_whatever_the_video(mp4: Path, portrait: Path) -> None:
    for path in (mp4, portrait):
        frames, indices = decode_frames(path, 6, 48, probe(path))
        assert frames.shape == (6, 3, 48, 48)
        assert frames.dtype == torch.uint8
        assert frames.is_contiguous()
        assert indices == frame_indices(40, 6)


def test_resizing_is_pillow_s_bicubic_within_one_level(mp4: Path) -> None:
    pixels, _ = read_pyav(mp4, [3])
    expected = np.asarray(Image.fromarray(pixels[0]).resize((48, 48), Image.Resampling.BICUBIC))
    frames, _ = decode_frames(mp4, 40, 48, probe(mp4))
    found = frames[frame_indices(40, 40).index(3)].permute(1, 2, 0).numpy()
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_a_short_video_repeats_frames(three_frames: Path) -> None:
    frames, indices = decode_frames(three_frames, 6, 32, probe(three_frames))
    assert indices == [0, 0, 1, 1, 1, 2]
    assert torch.equal(frames[0], frames[1])
    assert not torch.equal(frames[1], frames[2])


def test_hidden_frames_are_never_sampled(edited: Path) -> None:
    """decord counts all 40 frames of the edited file and repeats its last one in silence."""
    with pytest.raises(RuntimeError, match="decord counts 40 frames, the container 26"):
        read_decord(edited, [0], 26)
    frames, indices = decode_frames(edited, 6, 32, probe(edited))
    assert indices == frame_indices(26, 6)
    assert len({frame.numpy().tobytes() for frame in frames}) == 6


def test_a_stream_shorter_than_promised_is_damaged(mp4: Path) -> None:
    promised = Probe(96, 64, 20.0, 80, 4.0, "h264", "yuv420p", 0)
    with pytest.raises(DamagedVideo, match="80 frames are promised, 40 can be decoded"):
        decode_frames(mp4, 6, 32, promised)


def test_a_stream_a_little_short_is_sampled_over_what_it_has(mp4: Path) -> None:
    promised = Probe(96, 64, 20.0, 42, 2.1, "h264", "yuv420p", 0)
    _, indices = decode_frames(mp4, 42, 32, promised)
    assert indices == frame_indices(40, 42)


def test_rubbish_in_the_place_of_pictures_is_damage(overwritten: Path) -> None:
    with pytest.raises(DamagedVideo, match=r"decoding stopped after \d+ frames|is corrupt"):
        decode_frames(overwritten, 6, 32, probe(overwritten))


def test_a_slow_video_is_given_up(edited: Path) -> None:
    with pytest.raises(DamagedVideo, match="took longer than 0 s"):
        decode_frames(edited, 6, 32, probe(edited), timeout_s=0.0)


def test_a_damaged_video_does_not_stop_its_shard(
    mp4: Path, overwritten: Path, webm: Path, tmp_path: Path
) -> None:
    for path in (mp4, overwritten, webm):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rows = rows_of([tmp_path / path.name for path in (mp4, overwritten, webm)])
    failures = decode_shard(rows, tmp_path, "6x32", tmp_path / "0000.safetensors")
    store = ClipStore([tmp_path / "0000.safetensors"])
    assert store.ids == [mp4.name, webm.name]
    assert list(failures) == [overwritten.name]
    assert store.failures == failures
    for path in (mp4, webm):
        expected, indices = decode_frames(path, 6, 32, probe(path))
        assert torch.equal(store.frames(path.name), expected)
        assert store.indices(path.name) == indices


def test_rows_without_a_usable_video_are_passed_over(mp4: Path, tmp_path: Path) -> None:
    rows = rows_of([mp4, mp4, mp4])
    rows["video"] = ["good", "gone", "broken"]
    rows["status"] = ["ok", "missing", "damaged"]
    assert decode_shard(rows, mp4.parent, "6x32", tmp_path / "0000.safetensors") == {}
    assert ClipStore([tmp_path / "0000.safetensors"]).ids == ["good"]


def test_a_shard_in_which_nothing_can_be_decoded_is_still_a_shard(
    overwritten: Path, tmp_path: Path
) -> None:
    out = tmp_path / "0000.safetensors"
    decode_shard(rows_of([overwritten]), overwritten.parent, "6x32", out)
    assert ClipStore([out]).ids == []
    assert list(ClipStore([out]).failures) == [overwritten.name]


def test_decoding_twice_gives_the_same_bytes(mp4: Path, tmp_path: Path) -> None:
    rows = rows_of([mp4])
    for out in ("a", "b"):
        decode_shard(rows, mp4.parent, "6x32", tmp_path / out, provenance={"seed": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_outside_a_terminal_there_is_neither_a_bar_nor_decoder_noise(
    overwritten: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    decode_shard(rows_of([overwritten]), overwritten.parent, "6x32", tmp_path / "a")
    assert capfd.readouterr() == ("", "")


def test_shards_cover_the_manifest_in_order() -> None:
    manifest = pd.DataFrame({"video": list("abcde")})
    shards = ["".join(shard_rows(manifest, shard, 2)["video"]) for shard in range(3)]
    assert shards == ["ab", "cd", "e"]


@pytest.mark.parametrize("shard", [3, -1])
def test_a_shard_beyond_the_manifest_is_refused(shard: int) -> None:
    with pytest.raises(ValueError, match="5 videos in shards of 2 make 3"):
        shard_rows(pd.DataFrame({"video": list("abcde")}), shard, 2)
