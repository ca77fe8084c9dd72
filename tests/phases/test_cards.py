"""Which sets are absent follows from file names and the cards' kinds of access."""

from pathlib import Path
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.phases.cards import absent_sets, describe_absent
from vqathinker.phases.parameters import resolve

BY_HAND = ["live_vqc", "live_yt_gaming", "cgvds", "live_yt_hfr", "waterloo_ivc_4k"]
LSVQ = ["lsvq_train", "lsvq_test", "lsvq_1080p"]


@pytest.fixture
def absent(config, tmp_path, monkeypatch):
    """absent(bring, scale) are the absent sets of a scale for a value of `download.bring`."""
    monkeypatch.chdir(tmp_path)

    def find(bring: Any = "nothing", scale: str = "paper") -> list[str]:
        download = config["download"] | {"bring": bring}
        params = resolve(config | {"scale": scale, "download": download})
        return absent_sets(params, tmp_path)

    return find


def put(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def test_which_sets_are_absent_without_any_file(config, absent):
    assert absent(config["download"]["bring"]) == BY_HAND
    assert absent("nothing", "demo") == absent(["konvid_1k"], "demo") == []  # they are made
    assert absent("all") == []
    assert not {"konvid_1k", "cgvds"} & {*absent(["konvid_1k", "cgvds"])}


@pytest.mark.parametrize(
    ("folder", "name", "exists"),
    [
        ("konvid_1k", "source.json", True),
        ("konvid_1k/source/videos", "1.mp4", True),
        ("konvid_1k/downloads", "KoNViD_1k_videos.zip", True),
        ("konvid_1k/source/videos", ".gitkeep", False),
        ("konvid_1k/downloads", "KoNViD_1k_videos.zip.part", False),
    ],
)
def test_a_set_with_videos_or_a_download_exists(absent, tmp_path, folder, name, exists):
    put(tmp_path / folder, name)
    assert ("konvid_1k" not in absent("nothing")) == exists
    assert ("konvid_1k" not in absent(["vdpve"])) == exists


def test_sets_that_share_videos_exist_together(absent, tmp_path):
    assert not set(LSVQ) & set(absent(["lsvq_test"]))
    put(tmp_path / "lsvq_test", "source.json")  # its label file came once; the videos are gone
    assert set(LSVQ) < set(absent("nothing"))
    put(tmp_path / "lsvq_train" / "source" / "videos", "1.mp4")
    assert not set(LSVQ) & set(absent("nothing"))


def test_a_set_of_your_own_is_absent_until_it_has_videos(config, absent, tmp_path):
    cards = tmp_path / "cards"
    put(cards, "mine.yaml")
    (cards / "mine.yaml").write_text("access: {kind: local}\n", encoding="utf-8")
    config["scales"]["demo"]["data"] |= {"cards": str(cards), "out_of_distribution": ["mine"]}
    assert absent("open", "demo") == ["mine"]
    assert absent(["mine"], "demo") == []
    put(tmp_path / "mine" / "source" / "videos", "1.mp4")
    assert absent("open", "demo") == []


def test_a_mistyped_set_is_named(absent):
    with pytest.raises(InputError, match=r"'konvid1k'.* mean konvid_1k"):
        absent(["konvid1k"])


def test_absent_sets_are_named_with_the_runs_that_they_prevent(config):
    params = resolve(config | {"scale": "paper"})
    assert describe_absent(params, []) == []
    text = "\n".join(describe_absent(params, ["lsvq_train", "cgvds"]))
    assert all(name in text for name in ("lsvq_train", "cgvds", "grpo", "download.bring"))
    assert "released" not in text
