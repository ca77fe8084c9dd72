"""Both readers agree, and skipping packets does not change frames."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from vqathinker.video import readers
from vqathinker.video.damage import DamagedVideo
from vqathinker.video.orientation import Pixels
from vqathinker.video.probe import probe
from vqathinker.video.readers import DecordReader, PyavReader
from vqathinker.video.sampling import frame_indices

MakeClip = Callable[..., Path]

pytest.importorskip("decord", reason="decord is built for Linux on x86-64 only")

EIGHT_BIT = ["mp4", "index_first", "webm", "mkv", "portrait", "upside_down", "three_frames",
             "variable_rate", "closed_groups", "full_range", "vp9_in_mp4", "transport"]  # fmt: skip
EVERY = [*EIGHT_BIT, "groups", "turned_groups", "ten_bit", "av1_in_mp4", "avi", "edited"]


def copy_frame(_: int, pixels: Pixels) -> Pixels:
    return pixels.copy()


def by_pyav(path: Path, indices: list[int]) -> tuple[Pixels, list[float]]:
    with PyavReader(path) as video:
        frames, seconds = video.read(indices, copy_frame)
    return np.stack(frames), seconds


def every_frame(path: Path) -> tuple[Pixels, list[float]]:
    """All frames, decoded sequentially without skipping."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        options = {"format": "rgb24", "interpolation": "POINT"}
        pixels = [np.rot90(f.to_ndarray(**options), round(f.rotation / 90)) for f in frames]
    return np.stack(pixels), [float(frame.time - frames[0].time) for frame in frames]


@pytest.mark.parametrize("name", EIGHT_BIT)
def test_decord_and_pyav_agree_exactly(name: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(name)
    facts = probe(path)
    indices = frame_indices(facts.frames, 6)
    with DecordReader(path) as video:
        assert video.frames == facts.frames
        expected, expected_seconds = video.read(indices, copy_frame)
    found, seconds = by_pyav(path, indices)
    assert found.shape == (6, facts.height, facts.width, 3)
    np.testing.assert_array_equal(found, np.stack(expected))
    assert seconds == pytest.approx(expected_seconds, abs=1e-3)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("wanted", [[0, 13, -1], [1, 9, 17], [13], [4, 4, 5]])
def test_frames_and_times_at_indices(
    name: str, wanted: list[int], request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name)
    pixels, times = every_frame(path)
    indices = [index % len(pixels) for index in wanted]
    found, seconds = by_pyav(path, indices)
    np.testing.assert_array_equal(found, pixels[indices])
    assert seconds == pytest.approx([times[index] for index in indices], abs=1e-6)


def test_unneeded_packets_are_not_decoded(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frame 20 is in the third group of 8, after unreferenced B-frames."""
    decoded = []

    def counted(*what):
        for frame in decode_ranges(*what):
            decoded.append(frame.pts)
            yield frame

    decode_ranges = readers._decode_ranges
    monkeypatch.setattr(readers, "_decode_ranges", counted)
    by_pyav(groups, [20])
    assert 0 < len(decoded) <= 6


def test_wrong_key_frame_flags(mp4: Path, tmp_path: Path) -> None:
    """Without a table of key frames (stss), an mp4 declares all frames as key frames."""
    data = mp4.read_bytes()
    assert data.count(b"stss") == 1
    (tmp_path / "all.mp4").write_bytes(data.replace(b"stss", b"free"))
    pixels, _ = every_frame(mp4)
    found, _ = by_pyav(tmp_path / "all.mp4", [17, 30])
    np.testing.assert_array_equal(found, pixels[[17, 30]])


def test_hidden_frames_are_not_sampled(edited: Path) -> None:
    """decord counts all 40 frames of the edited file and silently repeats the last one."""
    with pytest.raises(DamagedVideo) as caught:
        DecordReader(edited)
    assert caught.value.status == "wrong_count"
    with PyavReader(edited) as video:
        assert video.frames == 26


@pytest.mark.parametrize("place", [0.35, 0.5, 0.65])
@pytest.mark.parametrize("name", ["index_first", "webm", "mkv"])
def test_flipped_tenth_of_file_is_detected(
    name: str, place: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Decoders may conceal damage without an error, and lost packets shift all indices."""
    data = np.frombuffer(request.getfixturevalue(name).read_bytes(), np.uint8).copy()
    start = int(len(data) * place)
    data[start : start + len(data) // 10] ^= 0xFF
    (tmp_path / "flipped").write_bytes(data.tobytes())
    with pytest.raises(DamagedVideo) as caught:
        by_pyav(tmp_path / "flipped", [3, 9, 16, 23, 29, 35])
    assert caught.value.status == "corrupt"
