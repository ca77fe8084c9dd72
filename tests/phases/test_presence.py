"""Which sets are left out is seen from names of files and the cards' kinds of access."""

from pathlib import Path
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.phases.parameters import resolve
from vqathinker.phases.presence import absent_sets, describe_absent

BY_HAND = ["live_vqc", "live_yt_gaming", "cgvds", "live_yt_hfr", "waterloo_ivc_4k"]
LSVQ = ["lsvq_train", "lsvq_test", "lsvq_1080p"]


@pytest.fixture
def absent(config, tmp_path, monkeypatch):
    """Sets of a scale that are left out, under some `download.bring`; nobody has own cards."""
    monkeypatch.chdir(tmp_path)

    def find(bring: Any = "nothing", scale: str = "paper") -> list[str]:
        download = config["download"] | {"bring": bring}
        params = resolve(config | {"scale": scale, "download": download})
        return absent_sets(params, tmp_path)

    return find


def put(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def test_by_default_only_sets_that_take_a_person_are_left_out(config, absent):
    assert absent(config["download"]["bring"]) == BY_HAND


def test_made_sets_are_never_left_out(absent):
    assert absent("nothing", "demo") == absent(["konvid_1k"], "demo") == []


def test_all_leaves_out_none_and_nothing_all(absent):
    assert absent("all") == []
    assert len(absent("nothing")) == 11


def test_named_sets_are_brought_and_no_others(absent):
    left_out = absent(["konvid_1k", "cgvds"])
    assert len(left_out) == 9
    assert not {"konvid_1k", "cgvds"} & set(left_out)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("konvid_1k", "source.json"),
        ("konvid_1k/source/videos", "1.mp4"),
        ("konvid_1k/downloads", "KoNViD_1k_videos.zip"),
    ],
)
def test_what_is_there_counts_whatever_is_brought(absent, tmp_path, folder, name):
    put(tmp_path / folder, name)
    assert "konvid_1k" not in absent("nothing")
    assert "konvid_1k" not in absent(["vdpve"])


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("konvid_1k/source", "Konvid-1k_total_ds_score.json"),
        ("konvid_1k/source/videos", ".gitkeep"),
        ("konvid_1k/downloads", "KoNViD_1k_videos.zip.part"),
        ("konvid_1k/downloads", "KoNViD_1k_videos.zip.part.json"),
    ],
)
def test_labels_alone_or_half_a_download_are_no_set(absent, tmp_path, folder, name):
    put(tmp_path / folder, name)
    assert "konvid_1k" in absent("nothing")


def test_sets_that_share_videos_are_there_together(absent, tmp_path):
    assert not set(LSVQ) & set(absent(["lsvq_test"]))
    put(tmp_path / "lsvq_test", "source.json")  # its label file came once; the videos are gone
    assert set(LSVQ) < set(absent("nothing"))
    put(tmp_path / "lsvq_train" / "source" / "videos", "1.mp4")
    assert not set(LSVQ) & set(absent("nothing"))


def test_a_set_of_ones_own_is_left_out_until_it_lies_there(config, absent, tmp_path):
    cards = tmp_path / "cards"
    put(cards, "mine.yaml")
    (cards / "mine.yaml").write_text("access: {kind: local}\n", encoding="utf-8")
    config["scales"]["demo"]["data"] |= {"cards": str(cards), "out_of_distribution": ["mine"]}
    assert absent("open", "demo") == ["mine"]
    assert absent(["mine"], "demo") == []
    put(tmp_path / "mine" / "source" / "videos", "1.mp4")
    assert absent("open", "demo") == []


def test_a_set_without_a_card_is_not_left_out_so_that_fetching_it_fails(config, absent):
    config["scales"]["demo"]["data"]["out_of_distribution"] = ["mine"]
    assert absent("open", "demo") == []


def test_a_mistyped_set_is_told(absent):
    with pytest.raises(InputError, match=r"names 'konvid1k', .*; did you mean konvid_1k\?"):
        absent(["konvid1k"])


def test_it_is_said_what_is_left_out_and_which_runs_for_want_of_training_videos(config):
    params = resolve(config | {"scale": "paper"})
    assert describe_absent(params, []) == []
    first, second, last = describe_absent(params, ["lsvq_train", "cgvds"])
    assert first == "Not there, an empty row of every table each: cgvds."
    assert second.startswith("Not there: lsvq_train. So these are not trained: grpo, no-regression")
    assert "released" not in second
    assert last == "Which sets the workflow brings says download.bring, now: open."
