"""The real label files, if available next to the project: counts and values.

Golden values were computed once from the files at the commits that the cards name, with four
decimals or the digits of the file.
"""

from pathlib import Path

import pandas as pd
import pytest

from vqathinker.datasets.card import load_card
from vqathinker.datasets.labels import find_disagreements, read_labels
from vqathinker.datasets.matching import match_videos
from vqathinker.datasets.questions import read_questions

LABELS = Path(__file__).parents[3] / "shared" / "labels"

pytestmark = pytest.mark.skipif(
    not LABELS.is_dir(), reason=f"the label files of the authors are not here ({LABELS})"
)

# n, min, max, mean, first id
AUTHORS = {
    "lsvq_test": (7182, 8.466666667, 91.03333333, 59.9096, "yfcc-batch1/747.mp4"),
    "lsvq_1080p": (3573, 17.7222222222222, 91.4193548387097, 66.3591, "yfcc-batch1/722.mp4"),
    "konvid_1k": (1200, 24.4, 92.8, 60.5904, "8129160337.mp4"),
    "live_vqc": (585, 6.224, 94.287, 63.2911, "B155.mp4"),
    "youtube_ugc": (1020, 1.242, 4.677, 3.5365, "Animation_1080P-05f8_crf_10_ss_00_t_20.0.mp4"),
    "live_yt_gaming": (600, 4.529653337, 95.9543135, 66.6667, "ARKSuvivalEvolved-001.mp4"),
    "cgvds": (357, 1.71, 6.06, 4.0172, "Overwatch_30_30fps_640x480_30_300_h264_nvenc.mp4"),
    "live_yt_hfr": (480, 10.35764658, 73.93564572, 49.9851, "1Runner_crf_0_24fps.mp4"),
    "waterloo_ivc_4k": (1200, 0.74, 97.59, 54.6665, "HEVC_01_960x540_1.mp4"),
    "vdpve": (839, 19.8900651, 84.4219161, 49.5148, "A0023_01.mp4"),
}
# As documented by the owners: games, games, contents, contents, sources.
CONTENTS = {
    "live_yt_gaming": 59,
    "cgvds": 15,
    "live_yt_hfr": 16,
    "waterloo_ivc_4k": 20,
    "vdpve": 128,
    "konvid_1k": 1200,
    "live_vqc": 585,
    "youtube_ugc": 1020,
}
HERE = {  # file of a card: path in the folder, as listed in MANIFEST.csv
    "train_labels.txt": "dover/lsvq_train_labels.txt",
    "labels_test.txt": "dover/lsvq_test_labels.txt",
    "labels.txt": "dover/konvid_labels.txt",
    "subject_MOS.csv": "live_hfr/subject_MOS.csv",
    "abcd2_test.jsonl": "finevd/abcd2_test.jsonl",
    "MaxWell_val.csv": "maxwell/MaxWell_val.csv",
    "val_labels.txt": "maxwell/val_labels.txt",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source folder with every label file under its name in the cards."""
    for path in (LABELS / "vqathinker").iterdir():
        (tmp_path / path.name).symlink_to(path)
    for name, place in HERE.items():
        (tmp_path / name).symlink_to(LABELS / place)
    return tmp_path


def labels_of(name: str, source: Path) -> pd.DataFrame:
    return read_labels(source, load_card(name))


@pytest.mark.parametrize("name", sorted(AUTHORS))
def test_statistics_of_authors_files(name: str, source: Path) -> None:
    n, low, high, mean, first = AUTHORS[name]
    labels = labels_of(name, source)
    assert len(labels) == labels["video"].nunique() == n == load_card(name).expected
    assert labels["mos"].min() == pytest.approx(low, abs=5e-8)
    assert labels["mos"].max() == pytest.approx(high, abs=5e-8)
    assert labels["mos"].mean() == pytest.approx(mean, abs=5e-5)
    assert labels["video"].iloc[0] == first


def test_lsvq_train_has_28056_videos_outside_test_sets(source: Path) -> None:
    train = labels_of("lsvq_train", source)
    assert train["video"].nunique() == len(train) == 28056
    assert (train["mos"].min(), train["mos"].max()) == (
        pytest.approx(2.448, abs=5e-4),
        pytest.approx(90.517, abs=5e-4),
    )
    # README of clh124/VQAThinker at ee47a40: 2.611842 and 3.418571.
    mos = train.set_index("video")["mos"]
    assert round(mos["yfcc-batch6/4134.mp4"] / 20, 6) == 2.611842
    assert round(mos["yfcc-batch16/13078.mp4"] / 20, 6) == 3.418571
    for name in ("lsvq_test", "lsvq_1080p"):
        assert not set(train["video"]) & set(labels_of(name, source)["video"])


@pytest.mark.parametrize("name", ["lsvq_test", "konvid_1k", "live_yt_hfr"])
def test_lists_of_other_projects_agree_with_the_authors(name: str, source: Path) -> None:
    card = load_card(name)
    assert len(card.labels) == 2
    assert find_disagreements(source, card) == []


def test_maxwell_combines_two_files(source: Path) -> None:
    labels = labels_of("maxwell", source)
    assert len(labels) == 909
    assert labels["video"].iloc[0] == "0000.mp4"
    assert labels["mos"].iloc[0] == pytest.approx(1.028571429)


def test_finevd_has_1016_videos_and_five_distortions(source: Path) -> None:
    questions = list(read_questions(source / "abcd2_test.jsonl"))
    assert len({question.video for question in questions}) == len(questions) == 1016
    assert {option for question in questions for option in question.options.values()} == {
        "Blur", "Color", "Noise", "Artifact", "Temporal", "Video quality is good",
    }  # fmt: skip
    assert len(labels_of("finevd", source)) == 1016


@pytest.mark.parametrize("name", sorted(CONTENTS))
def test_content_pattern_finds_known_number_of_contents(name: str, source: Path) -> None:
    card = load_card(name)
    shown = labels_of(name, source)["video"].str.extract(f"^{card.content}$", expand=False)
    assert shown.notna().all()
    assert shown.nunique() == CONTENTS[name]


def on_disk(name: str, video: str) -> str:
    """Path of a video according to the notes of its card."""
    if name == "live_yt_hfr":
        return f"{video.partition('_')[0]}/{video.removesuffix('.mp4')}.webm"
    if name == "waterloo_ivc_4k":
        return "/".join(video.split("_", 2))
    return f"some/folder/{video}"


@pytest.mark.parametrize("name", [*sorted(AUTHORS), "lsvq_train", "maxwell", "finevd"])
def test_every_label_matches_one_file(name: str, source: Path) -> None:
    videos = labels_of(name, source)["video"]
    files = {video: on_disk(name, video) for video in videos}
    assert match_videos(videos, files.values(), load_card(name).match) == files
