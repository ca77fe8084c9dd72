"""What is not there and what differs stands beside the tables."""

import json
from pathlib import Path
from typing import Any

from vqathinker.datasets.card import load_card
from vqathinker.evaluation.completeness import ABSENT
from vqathinker.reporting.remarks import NOT_THERE, NOTES, write_remarks
from vqathinker.reporting.tables.scoring import read_table

LACK = {"cgvds": "cgvds is not there", "lsvq_train": "lsvq_train, the training set, is not there"}


def write(folder: Path, *results: dict[str, Any]) -> Path:
    paths = []
    for number, result in enumerate(results):
        paths.append(folder / f"{number}.json")
        paths[-1].write_text(json.dumps({"run": "r", **result}), encoding="utf-8")
    out = folder / "tables"
    out.mkdir()
    write_remarks(paths, folder / "cards", out)
    return out


def test_each_set_that_is_not_there_is_named_once_with_the_rows_it_leaves_empty(
    tmp_path: Path,
) -> None:
    both = {"benchmark": "cgvds", "provenance": {ABSENT: LACK}}
    untrained = {
        "benchmark": "konvid_1k",
        "provenance": {ABSENT: {"lsvq_train": LACK["lsvq_train"]}},
    }
    tables = write(tmp_path, both, untrained, {"benchmark": "konvid_1k", "provenance": {}})
    assert read_table(tables / "not_there.csv", NOT_THERE) == [
        {"set": "cgvds", "rows": "1", "reason": LACK["cgvds"]},
        {"set": "lsvq_train", "rows": "2", "reason": LACK["lsvq_train"]},
    ]
    said = (tables / "notes.md").read_text(encoding="utf-8")
    assert "- cgvds is not there. Empty rows for want of it: 1.\n" in said


def test_lists_that_differ_between_projects_are_noted(tmp_path: Path) -> None:
    names = ("lsvq_test", "youtube_ugc", "vdpve", "konvid_1k", "elsewhere")
    tables = write(tmp_path, *({"benchmark": name} for name in names))
    rows = {row["benchmark"]: row["note"] for row in read_table(tables / "notes.csv", NOTES)}
    assert list(rows) == ["lsvq_test", "youtube_ugc", "vdpve"]
    for name, numbers in (("lsvq_test", ("7,182", "7,186", "7,220")),
                          ("youtube_ugc", ("1,020", "1,147"))):  # fmt: skip
        assert all(number in rows[name] for number in numbers)
        assert f"{load_card(name).expected:,}" in rows[name]
    assert "KVQ" in rows["vdpve"]


def test_where_every_set_is_there_and_nothing_differs_it_says_so(tmp_path: Path) -> None:
    tables = write(tmp_path, {"benchmark": "konvid_1k"})
    assert (tables / "notes.md").read_text(encoding="utf-8") == "Every set is there.\n"
    assert read_table(tables / "not_there.csv", NOT_THERE) == []
