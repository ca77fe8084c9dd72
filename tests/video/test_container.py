"""Opening files: statuses of unusable ones, and no access to other files."""

import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vqathinker.video.container import open_video
from vqathinker.video.damage import DamagedVideo, Failure

MakeClip = Callable[..., Path]
Patch = Callable[..., Path]


def damage(path: Path) -> Failure:
    with pytest.raises(DamagedVideo) as caught, open_video(path):
        pass
    assert str(path) not in caught.value.reason
    return caught.value.failure


SUBTITLES = b"1\n00:00:01,000 --> 00:00:02,000\nhello\n\n" * 40
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nplain.mp4\n#EXT-X-ENDLIST\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
PAGE = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>\n"


@pytest.mark.parametrize(
    ("content", "status", "named"),
    [
        (b"", "empty", "0 bytes"),
        (SUBTITLES, "no_container", "text"),
        (PLAYLIST, "no_container", "EXTM3U"),
        (POINTER, "no_container", "git lfs pull"),
        (PAGE, "no_container", "Quota exceeded"),
        (bytes(range(256)) * 20, "no_container", "header"),
    ],
    ids=["empty", "subtitles", "playlist", "pointer", "page", "garbage"],
)
def test_non_video_file_is_described(
    mp4: Path, tmp_path: Path, content: bytes, status: str, named: str
) -> None:
    (tmp_path / "plain.mp4").write_bytes(mp4.read_bytes())  # the playlist refers to it
    (tmp_path / "clip.mp4").write_bytes(content)
    found = damage(tmp_path / "clip.mp4")
    assert found.status == status
    assert named in found.reason


def test_statuses_of_damaged_mp4(
    mp4: Path, audio_only: Path, huge: Path, patched: Patch, cut: Callable[[Path], Path]
) -> None:
    codec = mp4.read_bytes().index(b"avc1\0")
    paths = [cut(mp4), audio_only, huge, patched(mp4, "odd.mp4", codec, b"zzzz")]
    statuses = [damage(path).status for path in paths]
    assert statuses == ["no_index", "no_video_stream", "too_large", "no_decoder"]


def test_pipe_and_folder_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert [damage(path).status for path in (tmp_path / "pipe.mp4", tmp_path)] == 2 * ["not_a_file"]


@pytest.fixture
def locked(mp4: Path) -> Iterator[Path]:
    """A video without read permission, for a user other than root."""
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


def test_unreadable_file_is_not_recorded_as_damage(locked: Path) -> None:
    with pytest.raises(PermissionError), open_video(locked):
        pass


def test_colon_in_name_is_no_protocol(tmp_path: Path, mp4: Path) -> None:
    path = tmp_path / "clip:1.mp4"  # libav could parse "clip" as a protocol
    path.write_bytes(mp4.read_bytes())
    with open_video(path) as (_, stream):
        assert stream.width == 96


def test_external_data_reference_is_not_opened(make_clip: MakeClip, tmp_path: Path) -> None:
    """FFmpeg ignores data references by default; ISO/IEC 14496-12, 8.7.2."""
    secret = tmp_path / "secret"
    os.mkfifo(secret)  # opening it would block
    content = make_clip("referring.mp4", "h264").read_bytes()
    here = content.index(b"url \0\0\0\1") - 4
    place = f"file://{secret}\0".encode()
    box = struct.pack(">I4sI", 12 + len(place), b"url ", 0) + place
    changed = bytearray(content[:here] + box + content[here + 12 :])
    for outer in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = content.rindex(outer, 0, here) - 4
        (size,) = struct.unpack_from(">I", changed, at)
        struct.pack_into(">I", changed, at, size + len(box) - 12)
    path = tmp_path / "other.mov"
    path.write_bytes(changed)
    with open_video(path) as (opened, stream):
        assert next(opened.decode(stream)).width
