"""Missing sets follow from file names and the cards' kinds of access."""

from pathlib import Path
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.phases.cards import describe_missing, missing_sets
from vqathinker.phases.parameters import resolve

MANUAL = ["live_vqc", "live_yt_gaming", "cgvds", "live_yt_hfr", "waterloo_ivc_4k"]
LSVQ = ["lsvq_train", "lsvq_test", "lsvq_1080p"]


@pytest.fixture
def missing(config, tmp_path, monkeypatch):
    """missing(fetch, scale) are the missing sets of a scale with this `download.fetch`."""
    monkeypatch.chdir(tmp_path)

    def find(fetch: Any = "nothing", scale: str = "paper") -> list[str]:
        download = config["download"] | {"fetch": fetch}
        params = resolve(config | {"scale": scale, "download": download})
        return missing_sets(params, tmp_path)

    return find


def touch(folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def test_sets_are_missing_without_files_unless_they_are_fetched(config, missing):
    assert missing(config["download"]["fetch"]) == MANUAL
    assert missing("nothing", "demo") == missing(["konvid_1k"], "demo") == []  # these are generated
    assert missing("all") == []
    assert not {"konvid_1k", "cgvds"} & {*missing(["konvid_1k", "cgvds"])}


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
def test_a_set_with_videos_or_a_download_exists(missing, tmp_path, folder, name, exists):
    touch(tmp_path / folder, name)
    assert ("konvid_1k" not in missing("nothing")) == exists
    assert ("konvid_1k" not in missing(["vdpve"])) == exists


def test_sets_that_share_videos_exist_together(missing, tmp_path):
    assert not set(LSVQ) & set(missing(["lsvq_test"]))
    touch(tmp_path / "lsvq_test", "source.json")  # only its label file was downloaded
    assert set(LSVQ) < set(missing("nothing"))
    touch(tmp_path / "lsvq_train" / "source" / "videos", "1.mp4")
    assert not set(LSVQ) & set(missing("nothing"))


def test_own_set_is_missing_until_it_has_videos(config, missing, tmp_path):
    cards = tmp_path / "cards"
    touch(cards, "mine.yaml")
    (cards / "mine.yaml").write_text("access: {kind: local}\n", encoding="utf-8")
    config["scales"]["demo"]["data"] |= {"cards": str(cards), "out_of_distribution": ["mine"]}
    assert missing("open", "demo") == ["mine"]
    assert missing(["mine"], "demo") == []
    touch(tmp_path / "mine" / "source" / "videos", "1.mp4")
    assert missing("open", "demo") == []


def test_unknown_set_is_named(missing):
    with pytest.raises(InputError, match=r"'konvid1k'.* mean konvid_1k"):
        missing(["konvid1k"])


def test_missing_sets_are_described_with_the_runs_that_need_them(config):
    params = resolve(config | {"scale": "paper"})
    assert describe_missing(params, []) == []
    text = "\n".join(describe_missing(params, ["lsvq_train", "cgvds"]))
    assert all(name in text for name in ("lsvq_train", "cgvds", "grpo", "download.fetch"))
    assert "released" not in text
