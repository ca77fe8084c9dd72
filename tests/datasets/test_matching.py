"""A label id finds its one file by the card's rule, and never one of two."""

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqathinker.datasets.card import LabelError, load_card
from vqathinker.datasets.matching import AmbiguousVideoError, match_videos, video_files

# Names as the notes of the cards tell them: set, label id, file below videos/.
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
def test_an_id_finds_the_file_under_its_name_on_disk(name: str, video: str, file: str) -> None:
    assert match(name, [video], ["other/z.mp4", file]) == {video: file}


@pytest.mark.parametrize(("name", "video", "file"), NOT_FOUND)
def test_a_name_that_only_looks_like_it_is_not_taken(name: str, video: str, file: str) -> None:
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
def test_two_files_for_one_id_are_an_error_that_names_both(
    name: str, video: str, files: list[str]
) -> None:
    with pytest.raises(AmbiguousVideoError) as caught:
        match(name, [video], files)
    assert all(file in str(caught.value) for file in (video, *files))


def test_two_ids_for_one_file_are_an_error_that_names_both() -> None:
    with pytest.raises(AmbiguousVideoError, match=r"A012\.mp4 is meant by 'A012.*' and by"):
        match("live_vqc", ["A012.mp4", "A012NEW.mp4"], ["A012.mp4"])


def test_a_path_as_a_whole_comes_before_one_that_ends_in_it() -> None:
    files = ["7.mp4", "b1/7.mp4"]
    assert match_videos(["7.mp4", "b1/7.mp4"], files, None) == {file: file for file in files}


def test_an_id_of_another_form_is_refused() -> None:
    with pytest.raises(LabelError, match=r"video 'clip\.mp4' has not the form of the card"):
        match("konvid_1k", ["clip.mp4"], [])


PATHS = ["/".join(parts) for n in (1, 2, 3) for parts in itertools.product(("a", "b"), repeat=n)]


@given(st.lists(st.sampled_from(PATHS), unique=True))
def test_files_named_as_their_ids_are_always_found(files: list[str]) -> None:
    """Whatever other paths end in an id: its own path wins."""
    assert match_videos(files, files, None) == {file: file for file in files}


def test_what_archives_add_is_no_video(tmp_path: Path) -> None:
    for name in ("a/1.mp4", "a/._1.mp4", ".DS_Store", "__MACOSX/a/1.mp4", ".ipynb_checkpoints/2"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert video_files(tmp_path) == ["a/1.mp4"]


def test_what_is_no_regular_file_is_still_seen_so_that_it_gets_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert video_files(tmp_path) == ["gone.mp4", "pipe.mp4"]


def test_the_folder_of_videos_may_be_a_link_and_need_not_be_there(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "1.mp4").touch()
    (tmp_path / "videos").symlink_to(tmp_path / "big")
    assert video_files(tmp_path / "videos") == ["1.mp4"]
    assert video_files(tmp_path / "nowhere") == []


def test_the_same_text_in_two_forms_of_unicode_is_one_name() -> None:
    composed, decomposed = "é/é.mp4", "e\u0301/e\u0301.mp4"
    assert match_videos([composed], [decomposed], None) == {composed: decomposed}
    assert match_videos([decomposed], [composed], None) == {decomposed: composed}
    assert match_videos([composed], [decomposed], r"(.+)\.mp4") == {composed: decomposed}
    with pytest.raises(AmbiguousVideoError, match="could be each of 2 files"):
        match_videos([composed], [composed, decomposed], None)


def test_a_file_with_backslashes_in_its_name_is_the_path_that_they_mean() -> None:
    """As some programs leave when they unpack archives of Windows."""
    assert match_videos(["b1/a.mp4"], ["b1\\a.mp4"], None) == {"b1/a.mp4": "b1\\a.mp4"}


def test_words_take_names_that_differ_as_they_say() -> None:
    files = ["x/0012345.mp4", "x/7654321.webm"]
    assert match_videos(["0012345", "7654321.mp4"], files, "any-ending") == {
        "0012345": "x/0012345.mp4",
        "7654321.mp4": "x/7654321.webm",
    }


def test_a_file_that_has_a_label_s_very_name_is_no_other_label_s() -> None:
    ids, files = ["a.mp4", "A.mp4", "b", "b_1"], ["a.mp4", "A.mp4", "b_540p.mp4", "b_1_540p.mp4"]
    assert match_videos(ids, files, "any-case begins") == {
        "a.mp4": "a.mp4", "A.mp4": "A.mp4", "b": "b_540p.mp4", "b_1": "b_1_540p.mp4"
    }  # fmt: skip


def test_the_longest_label_that_a_name_begins_with_is_meant() -> None:
    assert match_videos(["clip", "clip_1"], ["clip_1_540p.mp4"], "begins") == {
        "clip_1": "clip_1_540p.mp4"
    }


@pytest.mark.parametrize(
    ("ids", "files", "words", "complaint"),
    [
        (["a"], ["a.mp4", "a.avi"], "any-ending", "'a' could be each of 2 files: a.avi, a.mp4"),
        (["3"], ["3_540p.mp4", "3_720p.mp4"], "begins", "'3' could be each of 2 files"),
        (["b1/1.mp4", "b2/1.mp4"], ["1.mp4"], "any-folder", "1.mp4 is meant by 'b1/1.mp4' and by"),
        (["A.mp4", "a.mp4"], ["a.MP4"], "any-case", "a.MP4 is meant by 'A.mp4' and by 'a.mp4'"),
    ],
)
def test_words_never_make_one_of_two(
    ids: list[str], files: list[str], words: str, complaint: str
) -> None:
    with pytest.raises(AmbiguousVideoError, match=complaint):
        match_videos(ids, files, words)


@given(
    st.lists(st.sampled_from(PATHS), unique=True, max_size=8),
    st.sets(st.sampled_from(["any-ending", "any-case", "any-blank", "any-zeros", "begins"])),
)
def test_with_any_words_files_named_as_their_ids_are_still_those(
    files: list[str], words: set[str]
) -> None:
    names = [f"{file}.mp4" for file in files]
    assert match_videos(names, names, " ".join(words)) == {name: name for name in names}
