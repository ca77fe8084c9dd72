"""The card `konvid_mini` reads any folder with manifest.csv and videos/."""

import os
from pathlib import Path

import pandas as pd
import pytest

from vqathinker.datasets.card import LabelError, load_card
from vqathinker.datasets.manifest import build_manifest

VARIABLE = "VQATHINKER_REAL_VIDEOS"


def write_folder(folder: Path, video: bytes, mos: float = 4.5) -> Path:
    """Two videos, whose names are shorter than two of the labels, as in KoNViD-1k's lists."""
    labels = ["mine.mp4,2.5", f"101_cut_centercrop_960x540_8s.mp4,{mos}", "102.mp4,1"]
    text = "".join(f"{number},{label},x\n" for number, label in enumerate(labels))
    (folder / "videos").mkdir(parents=True)
    (folder / "manifest.csv").write_text(f"id,file,mos,source\n{text}", encoding="utf-8")
    for name in ("mine", "101"):
        (folder / "videos" / f"{name}.mp4").write_bytes(video)
    return folder


def test_a_folder_of_any_size_is_read(tmp_path: Path, video: bytes) -> None:
    manifest = build_manifest(write_folder(tmp_path / "source", video), load_card("konvid_mini"), 3)
    assert manifest["file"].tolist()[:2] == ["videos/mine.mp4", "videos/101.mp4"]
    assert manifest["status"].tolist() == ["ok", "ok", "missing"]
    assert manifest["mos"].tolist() == manifest["mos_training"].tolist() == [2.5, 4.5, 1.0]
    assert manifest["content"].nunique() == 3
    assert set(manifest["domain"]) == {"out-of-distribution"}


def test_a_mos_off_the_scale_is_an_error(tmp_path: Path, video: bytes) -> None:
    with pytest.raises(LabelError, match=r"manifest\.csv.*line 3.*90"):
        build_manifest(write_folder(tmp_path / "source", video, 90), load_card("konvid_mini"))


def test_all_labels_of_the_real_folder_have_a_readable_video() -> None:
    if not (value := os.environ.get(VARIABLE)):
        pytest.skip(f"{VARIABLE} is not set; it names a folder with videos/ and manifest.csv")
    folder = Path(value)
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"{VARIABLE} is {folder}, which has no manifest.csv")
    manifest = build_manifest(folder, load_card("konvid_mini"), workers=2)
    assert len(manifest) == len(pd.read_csv(folder / "manifest.csv"))
    assert set(manifest["status"]) == {"ok"}
    assert manifest["mos"].between(1, 5).all()
