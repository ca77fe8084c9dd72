"""Tests of the main table."""

from pathlib import Path
from typing import Any

import pytest

from vqathinker.reporting.formats import FILES
from vqathinker.reporting.main_table import (
    AVERAGES,
    MAIN_COLUMNS,
    ReportScale,
    main_grids,
    main_lines,
)
from vqathinker.reporting.published import PUBLISHED as PUBLISHED_FILE

WEIGHTED, EQUAL = AVERAGES
SCALE = ReportScale(
    train_set="mine",
    domains={"a": "in-domain", "b": "in-domain", "c": "out-of-distribution"},
    counts={"mine": 900, "a": 30, "b": 10, "c": 20},
    runs={"base": {"train": False}, "grpo": {"train": True}},
    method="grpo",
)


def theirs(method: str, benchmark: str, srcc: float, **other: Any) -> dict[str, Any]:
    plain = {"training_data": "LSVQ", "source_type": "group", "comparable": True, "source": "one"}
    known = {"method": method, "benchmark": benchmark, "srcc": srcc, "plcc": srcc}
    return known | plain | other


def ours(run: str, benchmark: str, srcc: float | None, **other: Any) -> dict[str, Any]:
    bounds = {"low": None if srcc is None else srcc - 0.05, "high": srcc and srcc + 0.05}
    plain: dict[str, Any] = {
        "run": run, "benchmark": benchmark, "score": "expected", "reason": None,
        "n": SCALE.counts[benchmark], "n_missing": 0, "n_damaged": 1, "n_no_score": 2,
        "srcc": srcc, "plcc": srcc, "by_score": {}, FILES: [Path(run, f"{benchmark}.json")],
        "measures": {name: {"value": srcc, **bounds, "reason": None} for name in ("srcc", "plcc")},
    }  # fmt: skip
    return plain | other


def table(published: list[dict[str, Any]], results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return main_lines(SCALE, published, results, lambda *_: (0.1, 0.9))


def find(lines: list[dict[str, Any]], method: str, benchmark: str, **other: Any) -> dict[str, Any]:
    expected = {"method": method, "benchmark": benchmark} | other
    (line,) = (one for one in lines if all(one[key] == value for key, value in expected.items()))
    return line


def text(lines: list[dict[str, Any]], notes: tuple[str, ...] = ()) -> list[str]:
    grids = main_grids(SCALE, lines, notes)
    return [
        " | ".join(f"{cell.text}{'*' * (cell.rank or 0)}" for cell in row)
        for grid in grids
        for block in grid.blocks
        for row in block
    ] + [note for grid in grids for note in grid.notes]


PUBLISHED = [theirs("VQAThinker", name, srcc) for name, srcc in (("a", 0.8), ("b", 0.6))]


def test_without_runs_the_table_has_published_rows_only() -> None:
    lines = table([*PUBLISHED, theirs("VQAThinker", "kvq", 0.5)], [])  # of another scale
    assert all(tuple(line) == (*MAIN_COLUMNS, FILES) for line in lines)
    assert [line["benchmark"] for line in lines] == ["a", "b", WEIGHTED, EQUAL]
    assert find(lines, "VQAThinker", WEIGHTED)["srcc"] == pytest.approx(0.75)  # 30 and 10 videos
    assert find(lines, "VQAThinker", EQUAL)["srcc"] == pytest.approx(0.7)
    assert "No run has results yet." in text(lines)


def test_runs_are_compared_with_the_paper_on_the_same_benchmarks() -> None:
    lines = table(PUBLISHED, [ours("grpo", "a", 0.84), ours("grpo", "c", 0.5)])
    line = find(lines, "grpo", "a")
    assert line["training_data"] == "mine"
    assert line["srcc_difference"] == pytest.approx(0.04)
    assert line["paper_srcc_in_interval"] is True  # 0.8 in 0.79…0.89
    average = find(lines, "grpo", WEIGHTED, domain="in-domain")
    assert average["paper_srcc"] == pytest.approx(0.8)  # of a alone, as ours
    assert (average["benchmarks"], average["reason"]) == (1, "without b")
    assert (average["srcc_low"], average["srcc_high"]) == (0.1, 0.9)
    assert line[FILES] == [Path("grpo", "a.json"), PUBLISHED_FILE]
    outside = find(table(PUBLISHED, [ours("grpo", "a", 0.7)]), "grpo", "a")
    assert outside["paper_srcc_in_interval"] is False
    assert find(lines, "grpo", "c")["paper_srcc"] is None
    assert find(lines, "grpo", "c")[FILES] == [Path("grpo", "c.json")]
    assert find(lines, "grpo", "c")["paper_srcc_in_interval"] is None


def test_equal_values_share_a_rank_and_the_next_is_second() -> None:
    rows = [theirs(name, "a", srcc) for name, srcc in (("x", 0.8001), ("y", 0.7999), ("z", 0.7))]
    lines = table([*rows, theirs("w", "a", 0.95, comparable=False)], [ours("grpo", "a", 0.75)])
    ranks = [find(lines, name, "a")["srcc_rank"] for name in ("x", "y", "z", "w", "grpo")]
    assert ranks == [1, 1, None, None, 2]


def test_only_an_average_over_all_benchmarks_has_a_rank() -> None:
    lines = table([*PUBLISHED, theirs("x", "a", 0.99)], [])
    assert find(lines, "x", WEIGHTED)["srcc_rank"] is None
    assert find(lines, "VQAThinker", WEIGHTED)["srcc_rank"] == 1
    assert "x | LSVQ | group | 0.990* | 0.990* | – | – | 0.990 (1 of 2) | 0.990 (1 of 2)" in text(
        lines
    )


def test_independent_measurements_have_a_separate_row() -> None:
    rows = [theirs("x", "a", 0.8), theirs("x", "b", 0.7, source_type="catalogue")]
    rows_text = text(table([*rows, theirs("x", "a", 0.6, source_type="independent")], []))
    assert any(row.startswith("x | LSVQ | group; b catalogue | 0.800*") for row in rows_text)
    assert any(row.startswith("x | LSVQ | independent | 0.600**") for row in rows_text)


def test_other_kinds_of_score_have_separate_rows() -> None:
    greedy = {"srcc": 0.6, "plcc": 0.5, "reason": None, "n_scored": 20}
    lines = table([], [ours("grpo", "a", 0.8, by_score={"greedy": greedy, "expected": {}})])
    found = find(lines, "grpo", "a", score="greedy")
    assert (found["srcc"], found["n_no_score"], found["srcc_low"]) == (0.6, 9, None)  # 30 - 1 - 20
    assert find(lines, "grpo", "a", score="expected")["n_no_score"] == 2
    assert find(lines, "grpo", WEIGHTED, score="greedy")["srcc_low"] is None


def test_a_missing_set_has_an_empty_row_and_is_not_averaged() -> None:
    missing = {
        "provenance": {"missing_sets": {"b": "bring it"}},
        "reason": "b is not there: bring it",
    }
    lines = table(PUBLISHED, [ours("grpo", "a", 0.8), ours("grpo", "b", None, **missing)])
    assert find(lines, "grpo", WEIGHTED)["srcc"] == pytest.approx(0.8)
    assert find(lines, "grpo", WEIGHTED)["benchmarks"] == 1
    assert "b: b is not there: bring it." in text(lines)
