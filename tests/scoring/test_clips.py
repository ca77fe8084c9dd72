"""Files, folders, patterns, addresses and lists: the clips that are meant, each once, in order."""

import codecs
import errno
import os
import subprocess
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.errors import InputError
from vqathinker.scoring.clips import find_clips, read_list, shown_name, written_name
from vqathinker.video.ffmpeg import ffmpeg_binary


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "more/c.webm", "odd[1].mp4")
    for name in (*names, "set[1]/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["b.mp4", "a.MKV", "b.mp4"], ["b.mp4", "a.MKV"]),
        (["."], ["a.MKV", "b.mp4", "more/c.webm", "odd[1].mp4", "set[1]/d.mp4"]),
        (["set[1]"], ["set[1]/d.mp4"]),
        (["set[1]/*.mp4"], ["set[1]/d.mp4"]),
        (["set[1]/*"], ["set[1]/d.mp4"]),
        (["*.mp4"], ["b.mp4", "odd[1].mp4"]),
        (["odd[1].mp4"], ["odd[1].mp4"]),
        (["**/*.webm", "notes.txt"], ["more/c.webm", "notes.txt"]),
        (["m*"], ["more/c.webm"]),
        (["gone.mp4", "https://a.org/b.mp4?x=*"], ["gone.mp4", "https://a.org/b.mp4?x=*"]),
        (["-"], ["b.mp4", "more/c.webm"]),
    ],
)
def test_what_is_meant(here: Path, given: list[str], meant: list[str]) -> None:
    assert find_clips(given, ["b.mp4", "more"]).clips == meant


@pytest.mark.parametrize(
    ("given", "told"),
    [(["*.avi"], "matches no file"), (["-"], "no clip was given"), (["empty"], "holds no video")],
)
def test_what_means_nothing_is_told(here: Path, given: list[str], told: str) -> None:
    (here / "empty").mkdir()
    with pytest.raises(InputError, match=told):
        find_clips(given)


def copy_of(video: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(video.read_bytes())


def test_a_folder_s_videos_are_told_by_their_content_and_the_rest_is_named(
    tmp_path: Path, videos: Path
) -> None:
    folder, video = tmp_path / "clips", videos / "0.mp4"
    scored = ["a.mp4", "b.qt", "c.3g2", "d.f4v", "noext", "e.mpv", "page.mp4", "f.txt"]
    for name in scored:
        copy_of(video, folder / name)
    (folder / "page.mp4").write_text("<html>no</html>")  # has a row that says what is wrong
    for name, codec in (("g.264", "libx264"), ("h.m2v", "mpeg2video"), ("i.mpeg1", "mpeg1video")):
        rate = "fps=25"
        form = {"libx264": "h264"}.get(codec, "mpeg1video" if codec[4] == "1" else "mpeg2video")
        command = [ffmpeg_binary(), "-loglevel", "error", "-i", str(video), "-vf", rate]
        subprocess.run([*command, "-c:v", codec, "-f", form, str(folder / name)], check=True)
        scored.append(name)
    picture = ["-loglevel", "error", "-i", str(video), "-frames:v", "1"]
    for name in ("poster.png", "poster.jpg"):
        subprocess.run([ffmpeg_binary(), *picture, str(folder / name)], check=True)
    sound = ["-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1"]
    for name in ("voice.m4a", "voice.wav"):
        subprocess.run([ffmpeg_binary(), *sound, str(folder / name)], check=True)
    texts = {"notes.txt": "hello", "a.srt": "1\n00:00:01,000 --> 00:00:02,000\nhi\n", "none": ""}
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "random.bin").write_bytes(np.random.default_rng(0).bytes(50_000))
    copy_of(video, folder / ".hidden.mp4")
    copy_of(video, folder / ".cache" / "z.mp4")
    found = find_clips([str(folder)])
    assert found.clips == sorted(str(folder / name) for name in scored)
    left = {Path(one.path).name: one.reason for one in found.skipped}
    assert left.keys() == {
        "poster.png", "poster.jpg", "voice.m4a", "voice.wav", "notes.txt", "a.srt", "none",
        "random.bin", ".hidden.mp4", ".cache",
    }  # fmt: skip
    assert all(left.values())


@pytest.mark.parametrize("call", [1, 2], ids=["its entries", "the folder itself"])
def test_folder_that_may_not_be_entered_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """As permission r without x has it, which does not hold for root."""
    closed, stat, calls = tmp_path / "closed", os.stat, count(1)
    for path in (tmp_path / "a.mp4", closed / "b.mp4"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    refused = closed if call == 2 else closed / "b.mp4"

    def refuse(path: os.PathLike[str], **how: object) -> os.stat_result:
        if Path(path) == refused and how.get("follow_symlinks", True) and next(calls) >= call:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **how)

    monkeypatch.setattr(os, "stat", refuse)
    found = find_clips([str(tmp_path)])
    assert found.clips == [str(tmp_path / "a.mp4")]
    assert [one.path for one in found.skipped] == [str(refused)]
    assert str(tmp_path) not in found.skipped[0].reason


def test_pattern_may_match_what_may_not_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = os.stat
    (tmp_path / "a.mp4").touch()

    def refuse(path: os.PathLike[str], **how: object) -> os.stat_result:
        if Path(path).name == "a.mp4":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **how)

    monkeypatch.setattr(os, "stat", refuse)
    assert find_clips([str(tmp_path / "*.mp4")]).clips == [str(tmp_path / "a.mp4")]


def test_links_are_followed_once_and_in_no_circle(tmp_path: Path, videos: Path) -> None:
    folder, store = tmp_path / "clips", tmp_path / "store"
    copy_of(videos / "0.mp4", folder / "a.mp4")
    copy_of(videos / "0.mp4", store / "deep" / "b.mp4")
    (folder / "part2").symlink_to(store)
    (folder / "part3").symlink_to(store)
    (store / "back").symlink_to(folder)
    (folder / "self").symlink_to(".")
    (folder / "lost.mp4").symlink_to("nowhere.mp4")
    (folder / "linked.mp4").symlink_to(videos / "1.mp4")
    os.mkfifo(folder / "pipe.mp4")
    found = find_clips([str(folder)])
    names = [Path(path).relative_to(folder).as_posix() for path in found.clips]
    assert names == ["a.mp4", "linked.mp4", "part2/deep/b.mp4"]
    left = [Path(one.path).relative_to(folder).as_posix() for one in found.skipped]
    assert left == ["lost.mp4", "part2/back", "part3", "pipe.mp4", "self"]


NAMES = [b" a.mp4", b"b.mp4 ", b"\tc.mp4", b"caf\xe9.mp4", b"-d.mp4", b'q"uote.mp4', b"x\ry.mp4"]


@pytest.mark.parametrize(("end", "null"), [(b"\n", False), (b"\r\n", False), (b"\0", True)])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_names_of_a_list_are_left_as_they_are(end: bytes, null: bool, mark: bytes) -> None:
    names = [*NAMES, b"two\nlines.mp4", b"ends\r"] if null else NAMES
    read = read_list((b"" if null else mark) + end.join([*names, b""]), null=null)
    assert [os.fsencode(name) for name in read] == names
    assert [os.fsencode(name) for name in read_list(end.join(names), null=null)] == names


def test_a_list_with_a_nul_in_it_wants_the_option() -> None:
    with pytest.raises(InputError, match="--null"):
        read_list(b"a.mp4\0b.mp4\0")


@given(st.lists(st.text(st.sampled_from("a\\x9e\udce9"), max_size=9), unique=True))
def test_no_two_names_are_written_alike(names: list[str]) -> None:
    written = [written_name(name) for name in names]
    assert len(set(written)) == len(names)
    assert "".join(written).encode() is not None
    assert all(shown_name(name).isprintable() for name in names)
