"""What is not there and what differs stands beside the tables."""

from pathlib import Path
from typing import Any

from vqathinker.datasets.card import load_card
from vqathinker.evaluation.completeness import ABSENT
from vqathinker.reporting.formats import FILES
from vqathinker.reporting.tables import remarks

LACK = {"cgvds": "cgvds is not there", "lsvq_train": "lsvq_train, the training set, is not there"}
CARDS = Path("cards")


def result(benchmark: str, absent: dict[str, str], path: str = "a.json") -> dict[str, Any]:
    return {"benchmark": benchmark, "provenance": {ABSENT: absent}, FILES: [Path(path)]}


def test_each_set_that_is_not_there_is_named_once_with_the_rows_it_leaves_empty() -> None:
    untrained = {"lsvq_train": LACK["lsvq_train"]}
    results = [result("cgvds", LACK), result("konvid_1k", untrained, "b.json")]
    lacking, _ = remarks([*results, result("konvid_1k", {})], CARDS)
    assert lacking == [
        {"set": "cgvds", "rows": 1, "reason": LACK["cgvds"], FILES: [Path("a.json")]},
        {"set": "lsvq_train", "rows": 2, "reason": LACK["lsvq_train"],
         FILES: [Path("a.json"), Path("b.json")]},
    ]  # fmt: skip


def test_lists_that_differ_between_projects_are_noted() -> None:
    names = ("lsvq_test", "youtube_ugc", "vdpve", "konvid_1k", "elsewhere")
    _, notes = remarks([result(name, {}) for name in names], CARDS)
    rows = {row["benchmark"]: row["note"] for row in notes}
    assert list(rows) == ["lsvq_test", "youtube_ugc", "vdpve"]
    for name in ("lsvq_test", "youtube_ugc"):
        assert f"{load_card(name).expected:,}" in rows[name]
