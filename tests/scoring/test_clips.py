"""Clips are found in files, folders, patterns, addresses and lists."""

import codecs
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.errors import InputError
from vqathinker.scoring.clips import escape_bytes, find_clips, parse_list, printable


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "more/c.webm", "odd[1].mp4")
    for name in (*names, "set[1]/d.mp4", ".cache/e.mp4", "empty/.f"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "clips"),
    [
        (["b.mp4", "a.MKV", "b.mp4"], ["b.mp4", "a.MKV"]),
        (["."], ["a.MKV", "b.mp4", "more/c.webm", "odd[1].mp4", "set[1]/d.mp4"]),
        (["set[1]"], ["set[1]/d.mp4"]),
        (["*.mp4"], ["b.mp4", "odd[1].mp4"]),
        (["odd[1].mp4"], ["odd[1].mp4"]),
        (["**/*.webm", "notes.txt"], ["more/c.webm", "notes.txt"]),
        (["m*"], ["more/c.webm"]),
        (["gone.mp4", "https://a.org/b.mp4?x=*"], ["gone.mp4", "https://a.org/b.mp4?x=*"]),
        (["-"], ["b.mp4", "more/c.webm"]),
    ],
)
def test_names_are_expanded_in_order(here: Path, names: list[str], clips: list[str]) -> None:
    assert find_clips(names, ["b.mp4", "more"]).clips == clips


def test_skipped_files_of_a_folder_are_reported(here: Path) -> None:
    skipped = [one.path for one in find_clips(["."]).skipped]
    assert skipped == [".cache", ".hidden.mp4", "empty/.f", "notes.txt"]


@pytest.mark.parametrize("name", ["*.avi", "-", "empty"])
def test_a_name_without_clips_is_an_error(here: Path, name: str) -> None:
    with pytest.raises(InputError):
        find_clips([name])


def test_links_are_followed_once(tmp_path: Path) -> None:
    folder, store = tmp_path / "clips", tmp_path / "store"
    for path in (folder / "a.mp4", store / "deep" / "b.mp4", tmp_path / "c.mp4"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "part2").symlink_to(store)
    (folder / "part3").symlink_to(store)
    (store / "back").symlink_to(folder)
    (folder / "self").symlink_to(".")
    (folder / "lost.mp4").symlink_to("nowhere.mp4")
    (folder / "linked.mp4").symlink_to(tmp_path / "c.mp4")
    os.mkfifo(folder / "pipe.mp4")
    found = find_clips([str(folder)])
    names = [Path(path).relative_to(folder).as_posix() for path in found.clips]
    assert names == ["a.mp4", "linked.mp4", "part2/deep/b.mp4"]
    skipped = [Path(one.path).relative_to(folder).as_posix() for one in found.skipped]
    assert skipped == ["lost.mp4", "part2/back", "part3", "pipe.mp4", "self"]


NAMES = [b" a.mp4", b"b.mp4 ", b"\tc.mp4", b"caf\xe9.mp4", b"-d.mp4", b'q"uote.mp4', b"x\ry.mp4"]


@pytest.mark.parametrize(("end", "null"), [(b"\n", False), (b"\r\n", False), (b"\0", True)])
def test_names_in_a_list_are_not_changed(end: bytes, null: bool) -> None:
    names = [*NAMES, b"two\nlines.mp4", b"ends\r"] if null else NAMES
    mark = b"" if null else codecs.BOM_UTF8
    read = parse_list(mark + end.join([*names, b""]), null=null)
    assert [os.fsencode(name) for name in read] == names


def test_a_list_with_nul_needs_the_option() -> None:
    with pytest.raises(InputError, match="--null"):
        parse_list(b"a.mp4\0b.mp4\0")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(max_size=9))
def test_any_name_can_be_written_and_printed(text: str, other: bytes) -> None:
    name = text + os.fsdecode(other.replace(b"\0", b""))
    assert escape_bytes(name).encode() is not None
    assert printable(name).isprintable()
