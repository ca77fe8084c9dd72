"""Opening a file: what is no video says so by name, at once, and opens nothing else."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vqathinker.video.container import open_video
from vqathinker.video.damage import STATUSES, DamagedVideo, Failure

MakeClip = Callable[..., Path]
Patch = Callable[..., Path]


def damage(path: Path) -> Failure:
    with pytest.raises(DamagedVideo) as caught, open_video(path):
        pass
    assert str(path) not in caught.value.reason
    return caught.value.failure


def test_a_video_opens_for_one_thread(mp4: Path) -> None:
    with open_video(mp4) as (_, stream):
        assert (stream.width, stream.height) == (96, 64)
        assert stream.codec_context.thread_count == 1


SUBTITLES = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n\n" * 40
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nplain.mp4\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", "empty"),
        (b"dear diary, this is no video\n" * 40, "no_container"),
        (SUBTITLES, "no_container"),
        (PLAYLIST, "no_container"),
        (bytes(range(256)) * 20, "no_container"),
        (b"\0" * 4000, "no_container"),
    ],
    ids=["empty", "text", "subtitles", "playlist", "garbage", "zeros"],
)
def test_a_file_that_is_no_video_says_so(tmp_path: Path, content: bytes, status: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert damage(path).status == status


def test_a_playlist_does_not_make_anybody_open_what_it_names(mp4: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.mp4").write_bytes(mp4.read_bytes())
    (tmp_path / "list.mp4").write_bytes(PLAYLIST)
    assert damage(tmp_path / "list.mp4").status == "no_container"


def test_an_mp4_cut_before_its_index(mp4: Path, cut: Callable[[Path], Path]) -> None:
    assert damage(cut(mp4)) == (
        "no_index",
        "its index (moov) is missing or damaged: cut off, or never finished",
    )


def test_sound_alone(audio_only: Path) -> None:
    assert damage(audio_only).status == "no_video_stream"


def test_a_stream_that_nobody_can_decode(mp4: Path, patched: Patch) -> None:
    codec = mp4.read_bytes().index(b"avc1\0")
    assert damage(patched(mp4, "odd.mp4", codec, b"zzzz")).status == "no_decoder"


def test_a_frame_of_sixteen_thousand_pixels_squared(huge: Path) -> None:
    status, reason = damage(huge)
    assert status == "too_large"
    assert "16000x16000" in reason


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert damage(tmp_path / "pipe.mp4") == ("not_a_file", "not a regular file")


def test_a_folder(tmp_path: Path) -> None:
    assert damage(tmp_path).status == "not_a_file"


@pytest.fixture
def locked(mp4: Path) -> Iterator[Path]:
    """A video that may not be read, seen by somebody who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "locked.mp4"
        path.write_bytes(mp4.read_bytes())
        path.chmod(0)
        path.parent.chmod(0o755)
        was = os.geteuid()
        if was == 0:
            os.seteuid(65534)
        yield path
        os.seteuid(was)


def test_a_file_that_may_not_be_read_is_not_called_damaged(locked: Path) -> None:
    with pytest.raises(PermissionError), open_video(locked):
        pass


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            r"a Git LFS pointer, not a video \(`git lfs pull`, .* gets the file\)",
        ),
        (
            "<!DOCTYPE html><html><title>Quota exceeded</title></html>\n",
            r"a web page, not a video \(its title is 'Quota exceeded'\)",
        ),
        ("#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1/a.ts\n", "text, not a video .*EXTM3U"),
    ],
)
def test_what_is_called_a_video_and_is_none_is_named(
    content: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_text(content)
    status, words = damage(tmp_path / "a.mp4")
    assert status == "no_container"
    assert re.match(f"no video container: {reason}", words)


def test_a_container_that_is_not_read_is_named_with_a_way_out(
    make_clip: Callable[..., Path],
) -> None:
    picture = make_clip("picture.jpg", "mjpeg", "-frames:v", "1", "-update", "1")
    status, words = damage(picture)
    assert status == "no_container"
    assert "is not among the containers that are read: if it is a video, convert it with" in words


def test_a_missing_file_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.mp4: no such video file"):
        open_video(tmp_path / "nothing.mp4").__enter__()


def test_a_name_is_never_an_address(tmp_path: Path, mp4: Path) -> None:
    """A colon would make libav look for a protocol called `clip`."""
    path = tmp_path / "clip:1.mp4"
    path.write_bytes(mp4.read_bytes())
    with open_video(path) as (_, stream):
        assert stream.width == 96


def test_a_status_that_is_not_in_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="status 'broken': expected one of"):
        DamagedVideo(Path("a.mp4"), "broken", "somehow")


def test_statuses_are_short_words() -> None:
    assert all(status.replace("_", "").isalpha() and status.islower() for status in STATUSES)
    assert not {"ok", "missing"} & STATUSES.keys()
