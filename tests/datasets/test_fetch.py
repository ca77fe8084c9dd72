"""Fetching of local and demo sets, and messages for missing ones."""

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.fetch import fetch_set
from vqathinker.datasets.fetching.manual_files import UserActionError
from vqathinker.datasets.new_card import write_card
from vqathinker.datasets.synthetic import demo
from vqathinker.errors import InputError
from vqathinker.params import DataParams, DownloadParams
from vqathinker.video.ffmpeg import ffmpeg_binary

MakeSource = Callable[..., Path]
LABELS = "labels.csv"

PARAMS = DataParams.model_validate({
    "train": "demo_train", "in_domain": [], "out_of_distribution": [], "cards": "cards",
    "counts": {"demo_train": 2},
    "demo": {"seed": 1, "versions": 2, "observer_noise": 0.0, "kinds": {"blur": 1},
             "unseen_kinds": {"ghost": 1}, "sets": {}},
})  # fmt: skip
SETTINGS = DownloadParams.model_validate(
    {"mirror": None, "keep_archives": False, "attempts": 1, "fetch": "open"}
)


def fetch(name: str, out: Path, receipt: Path, cards: str = "cards") -> dict[str, Any]:
    params = PARAMS.model_copy(update={"cards": cards})
    return fetch_set(name, params, SETTINGS, out, receipt, receipt.parent / "hashes.csv")


@pytest.fixture
def cards(tmp_path: Path) -> str:
    """A folder with a user's card, `mine`."""
    write_card("mine", tmp_path / "cards", None, role="in-domain", scale=(0, 100))
    return str(tmp_path / "cards")


def fake_make_set(number: int) -> Callable[..., list[Path]]:
    """A fake `make_set` that writes labels and files for `number` clips."""

    def make_set(name: str, params: DataParams, out: Path, workers: int = 1) -> list[Path]:
        (out / "videos").mkdir()
        clips = [out / "videos" / f"{name}_{index}.mp4" for index in range(number)]
        for clip in clips:
            clip.write_text(f"clip of {len(params.counts)}")
        rows = "".join(f"{clip.name},3.0\n" for clip in clips)
        (out / "labels.csv").write_text("video,mos\n" + rows)
        return clips

    return make_set


def test_receipt_lists_every_file(make_source: MakeSource, cards: str) -> None:
    source = make_source([("b1/a.mp4", 70)], ["b1/a.mp4"])
    receipt = source.parent / "source.json"
    content = fetch("mine", source, receipt, cards)
    assert fetch("mine", source, receipt, cards) == content == json.loads(receipt.read_text())
    assert content["set"] == "mine"
    assert content["made_by"] == "put in place by the user"
    assert [file["path"] for file in content["files"]] == [LABELS, "videos/b1/a.mp4"]
    for file in content["files"]:
        data = (source / file["path"]).read_bytes()
        assert file["bytes"] == len(data)
        assert file["sha256"] == hashlib.sha256(data).hexdigest()


def test_receipt_of_demo_set_records_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_source: MakeSource, cards: str
) -> None:
    monkeypatch.setattr(demo, "make_set", fake_make_set(1))
    receipt = tmp_path / "source.json"
    pinned = fetch("demo_train", tmp_path / "pinned", receipt)["ffmpeg"]
    assert pinned["from"] == f"imageio-ffmpeg {version('imageio-ffmpeg')}"
    other = tmp_path / "ffmpeg"
    other.symlink_to(ffmpeg_binary())
    assert PARAMS.demo is not None
    made = PARAMS.demo.model_copy(update={"ffmpeg": str(other)})
    params = PARAMS.model_copy(update={"demo": made})
    content = fetch_set("demo_train", params, SETTINGS, tmp_path / "other", receipt, tmp_path / "h")
    assert content["ffmpeg"] == {"version": pinned["version"], "from": str(other)}
    source = make_source([("a.mp4", 70)], ["a.mp4"])
    assert "ffmpeg" not in fetch("mine", source, receipt, cards)


@pytest.mark.parametrize("present", [[], [LABELS], ["videos"]])
def test_missing_set_explains_what_goes_where(
    tmp_path: Path, cards: str, present: list[str]
) -> None:
    source = tmp_path / "data" / "mine" / "source"
    for name in present:
        (source / name).mkdir(parents=True)
    with pytest.raises(UserActionError) as caught:
        fetch("mine", source, tmp_path / "source.json", cards)
    missing = str(caught.value).splitlines()[0]
    assert all(str(source / name) in missing for name in {LABELS, "videos"} - set(present))
    assert not (tmp_path / "source.json").exists()


def test_demo_set_is_replaced_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str, params: Any, out: Path, workers: int) -> list[Path]:
        (out / "half").write_text("")
        raise RuntimeError("ffmpeg")

    source, receipt = tmp_path / "source", tmp_path / "source.json"
    monkeypatch.setattr(demo, "make_set", fake_make_set(3))
    fetch("demo_train", source, receipt)
    monkeypatch.setattr(demo, "make_set", fake_make_set(1))
    content = fetch("demo_train", source, receipt)
    assert content["made_by"] == "vqathinker.datasets.synthetic.demo"
    assert [file["path"] for file in content["files"]] == ["labels.csv", "videos/demo_train_0.mp4"]
    monkeypatch.setattr(demo, "make_set", fails)
    with pytest.raises(RuntimeError, match="ffmpeg"):
        fetch("demo_train", source, receipt)
    assert [path.name for path in (source / "videos").iterdir()] == ["demo_train_0.mp4"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["source", "source.json"]


def test_demo_set_never_replaces_other_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    monkeypatch.setattr(demo, "make_set", fake_make_set(1))
    with pytest.raises(InputError, match=r"labels\.csv"):
        fetch("demo_train", tmp_path, tmp_path.parent / "source.json")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
