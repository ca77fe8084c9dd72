"""Stand-ins of a rehearsal change rows, sizes and hashes of a card, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.card import load_card
from vqathinker.errors import InputError
from vqathinker.phases.cards import STAND_INS

LABELS = "Konvid-1k_total_ds_score.json"
TOLD: dict[str, Any] = {
    "konvid_1k": {"expected": 5, "files": {LABELS: {"bytes": 7, "sha256": "ab" * 32}}}
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / STAND_INS).write_text(json.dumps(TOLD), encoding="utf-8")
    return tmp_path


def test_rows_sizes_and_hashes_are_the_stand_ins_and_all_else_is_the_cards(folder: Path) -> None:
    real, stand_in = load_card("konvid_1k"), load_card("konvid_1k", folder)
    told = {file.name: (file.bytes, file.sha256) for file in stand_in.files}
    assert told == {LABELS: (7, "ab" * 32), "labels.txt": (None, None),
                    "KoNViD_1k_videos.zip": (None, None)}  # fmt: skip
    assert (stand_in.expected, stand_in.stored_bytes) == (5, None)
    sizes = {"expected", "stored_bytes", "download_bytes", "files"}
    assert stand_in.model_dump(exclude=sizes) == real.model_dump(exclude=sizes)
    for ours, theirs in zip(stand_in.files, real.files, strict=True):
        stated = {"bytes", "about_bytes", "sha256"}
        assert ours.model_dump(exclude=stated) == theirs.model_dump(exclude=stated)


def test_parts_of_an_archive_lose_the_real_ones_hashes_too(tmp_path: Path) -> None:
    parts = {"1Runner_partsaa": {"bytes": 3, "sha256": "cd" * 32}}
    told = {"live_yt_hfr": {"expected": 16, "files": parts}}
    (tmp_path / STAND_INS).write_text(json.dumps(told), encoding="utf-8")
    card = load_card("live_yt_hfr", tmp_path)
    first, second = next(file.parts for file in card.files if file.name == "1Runner.zip")
    assert (first.bytes, first.sha256, second.bytes) == (3, "cd" * 32, None)


def test_a_set_that_they_do_not_name_is_as_it_is(folder: Path) -> None:
    assert load_card("vdpve", folder) == load_card("vdpve")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {"other.zip": {"bytes": 1, "sha256": "ab" * 32}}}, "konvid_1k has other.zip"),
        ({"files": {LABELS: {"bytes": 7}}}, "sha256"),
        ({"match": ".*"}, "match"),
    ],
)
def test_anything_else_in_them_is_refused_by_name(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    told = {"konvid_1k": TOLD["konvid_1k"] | change}
    (tmp_path / STAND_INS).write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InputError, match=rf"{STAND_INS}.*{message}"):
        load_card("konvid_1k", tmp_path)
