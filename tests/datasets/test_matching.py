"""Matching of label ids with files."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.datasets.card import LabelError, load_card
from vqathinker.datasets.matching import (
    match_videos,
    video_files,
    walk_files,
)
from vqathinker.errors import InputError

# From the notes of the cards: set, label id, file below videos/.
FOUND = [
    ("live_yt_hfr", "1Runner_crf_0_24fps.mp4", "1Runner/1Runner_crf_0_24fps.webm"),
    ("live_yt_hfr", "1Runner_crf_0_24fps.mp4", "1Runner_crf_0_24fps.mp4"),
    ("waterloo_ivc_4k", "HEVC_01_960x540_1.mp4", "HEVC/01/960x540_1.mp4"),
    ("waterloo_ivc_4k", "HEVC_01_960x540_1.mp4", "HEVC/HEVC/01/960x540_1.mp4"),
    ("waterloo_ivc_4k", "AV1_20_3840x2160_4.mp4", "AV1_20_3840x2160_4.mp4"),
    ("konvid_1k", "8129160337.mp4", "KoNViD_1k_videos/8129160337.mp4"),
    ("konvid_1k", "8129160337.mp4", "a/8129160337_original_centercrop_960x540_8s.mp4"),
    ("live_vqc", "A012.mp4", "LIVE-VQC/Video/A012NEW.mp4"),
    ("live_vqc", "B155.mp4", "Video/B155.mp4"),
    ("lsvq_test", "yfcc-batch1/747.mp4", "yfcc-batch1/747.mp4"),
    ("lsvq_test", "yfcc-batch1/747.mp4", "yfcc-batch1/yfcc-batch1/747.mp4"),
    ("maxwell", "0000.mp4", "videos/0000.mp4"),
    ("vdpve", "A0023_01.mp4", "VDPVE_train/train/A0023_01.mp4"),
    ("youtube_ugc", "HDR_1080P-2d32_crf_10_ss_00_t_20.0.mp4",
     "HDR_1080P-2d32_crf_10_ss_00_t_20.0.mp4"),
]  # fmt: skip
NOT_FOUND = [
    ("waterloo_ivc_4k", "HEVC_01_960x540_1.mp4", "HEVC/11/960x540_1.mp4"),
    ("waterloo_ivc_4k", "HEVC_01_960x540_1.mp4", "H264/01/960x540_1.mp4"),
    ("konvid_1k", "8129160337.mp4", "x8129160337.mp4"),
    ("konvid_1k", "8129160337.mp4", "81291603370.mp4"),
    ("live_vqc", "A012.mp4", "A012OLD.mp4"),
    ("lsvq_test", "yfcc-batch1/747.mp4", "yfcc-batch11/747.mp4"),
    ("lsvq_test", "yfcc-batch1/747.mp4", "ia-batch1/747.mp4"),
    ("lsvq_test", "yfcc-batch1/747.mp4", "old-yfcc-batch1/747.mp4"),
    ("maxwell", "0000.mp4", "videos/0001.mp4"),
]


def match(name: str, ids: list[str], files: list[str]) -> dict[str, str]:
    return match_videos(ids, files, load_card(name).match)


@pytest.mark.parametrize(("name", "video", "file"), FOUND)
def test_id_matches_file_on_disk(name: str, video: str, file: str) -> None:
    assert match(name, [video], ["other/z.mp4", file]) == {video: file}


@pytest.mark.parametrize(("name", "video", "file"), NOT_FOUND)
def test_similar_name_does_not_match(name: str, video: str, file: str) -> None:
    assert match(name, [video], [file]) == {}


@pytest.mark.parametrize(
    ("name", "video", "files"),
    [
        ("konvid_1k", "12.mp4", ["12.mp4", "12_cut_960x540_8s.mp4"]),
        ("live_vqc", "A012.mp4", ["Video/A012.mp4", "Video/A012NEW.mp4"]),
        ("live_yt_hfr", "a_crf_0_24fps.mp4", ["a_crf_0_24fps.mp4", "a_crf_0_24fps.webm"]),
        ("lsvq_test", "b1/7.mp4", ["x/b1/7.mp4", "y/b1/7.mp4"]),
    ],
)
def test_two_files_for_one_id_raise(name: str, video: str, files: list[str]) -> None:
    with pytest.raises(LabelError) as caught:
        match(name, [video], files)
    assert all(file in str(caught.value) for file in (video, *files))


def test_two_ids_for_one_file_raise() -> None:
    with pytest.raises(LabelError, match=r"A012\.mp4.*'A012\.mp4'.*'A012NEW\.mp4'"):
        match("live_vqc", ["A012.mp4", "A012NEW.mp4"], ["A012.mp4"])


def test_id_that_does_not_match_pattern_raises() -> None:
    with pytest.raises(LabelError, match=r"'clip\.mp4'"):
        match("konvid_1k", ["clip.mp4"], [])


PATHS = ["/".join(parts) for n in (1, 2, 3) for parts in itertools.product(("a", "b"), repeat=n)]


def test_hidden_files_and_macosx_are_skipped(tmp_path: Path) -> None:
    for name in ("a/1.mp4", "a/._1.mp4", ".DS_Store", "__MACOSX/a/1.mp4", ".ipynb_checkpoints/2"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert video_files(tmp_path) == ["a/1.mp4"]


def test_unicode_normalization_forms_match() -> None:
    composed, decomposed = "é/é.mp4", "e\u0301/e\u0301.mp4"
    assert match_videos([composed], [decomposed], None) == {composed: decomposed}
    assert match_videos([decomposed], [composed], None) == {decomposed: composed}
    assert match_videos([composed], [decomposed], r"(.+)\.mp4") == {composed: decomposed}
    with pytest.raises(LabelError, match="2 files"):
        match_videos([composed], [composed, decomposed], None)


def test_backslashes_in_file_name_match_path() -> None:
    """Some programs create such names when they unpack archives from Windows."""
    assert match_videos(["b1/a.mp4"], ["b1\\a.mp4"], None) == {"b1/a.mp4": "b1\\a.mp4"}


@pytest.mark.parametrize(
    ("words", "label", "file", "found"),
    [
        ("", "a", "a.mp4", False),
        ("any-ending", "a", "x/a.mp4", True),
        ("any-ending", "a.avi", "x/a.MP4", True),
        ("any-ending", "run_23.98fps", "run_23.98fps.webm", True),
        ("any-ending", "a.b", "a.c", False),  # not suffixes of videos
        ("any-case", "straße.mp4", "STRASSE.mp4", True),
        ("any-case", "B1/a.mp4", "x/b1/A.mp4", True),
        ("any-folder", "b1/a.mp4", "c/a.mp4", True),
        ("any-folder", "b1/a.mp4", "c/b.mp4", False),
        ("any-case any-ending", "A", "x/a.mp4", True),
    ],
)
def test_match_options(words: str, label: str, file: str, found: bool) -> None:
    assert match_videos([label], [file], words) == ({label: file} if found else {})


@pytest.mark.parametrize(
    ("ids", "files", "words"),
    [
        (["a"], ["a.mp4", "a.avi"], "any-ending"),
        (["b1/1.mp4", "b2/1.mp4"], ["1.mp4"], "any-folder"),
        (["A.mp4", "a.mp4"], ["a.MP4"], "any-case"),
    ],
)
def test_match_options_never_merge_two_names(ids: list[str], files: list[str], words: str) -> None:
    with pytest.raises(LabelError) as caught:
        match_videos(ids, files, words)
    assert all(name in str(caught.value) for name in (*ids, *files))


@given(
    st.lists(st.sampled_from(PATHS), unique=True, max_size=8),
    st.sets(st.sampled_from(["any-ending", "any-case"])),
)
def test_exact_names_match_with_any_options(files: list[str], words: set[str]) -> None:
    """An exact path has priority over other paths that end in the id."""
    names = [f"{file}.mp4" for file in files]
    assert match_videos(names, names, " ".join(words)) == {name: name for name in names}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """videos/ with one file, and another folder with two."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "1.mp4").write_bytes(b"one")
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "other" / "2.mp4").write_bytes(b"two")
    (tmp_path / "other" / "deep" / "3.mp4").write_bytes(b"three")
    return tmp_path / "videos"


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in walk_files(folder))


def test_links_to_folders_are_followed(folder: Path) -> None:
    for name in ("batch", "copy"):
        (folder / name).symlink_to(folder.parent / "other")
    linked = ["batch/2.mp4", "batch/deep/3.mp4", "copy/2.mp4", "copy/deep/3.mp4"]
    assert names(folder) == video_files(folder) == ["1.mp4", *linked]
    assert names(folder / "batch") == ["2.mp4", "deep/3.mp4"]
    assert names(folder.parent / "nowhere") == []


def test_circular_links_are_rejected(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "other")
    (folder.parent / "other" / "back").symlink_to(folder)
    with pytest.raises(InputError, match="link/back"):
        names(folder)
    (folder / "link").unlink()
    (folder / "loop").symlink_to(".")
    with pytest.raises(InputError, match="videos/loop"):
        names(folder)


def test_broken_links_and_pipes_are_listed(folder: Path) -> None:
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "itself.mp4").symlink_to("itself.mp4")
    os.mkfifo(folder / "pipe.mp4")
    assert names(folder) == ["1.mp4", "gone.mp4", "itself.mp4", "pipe.mp4"]
