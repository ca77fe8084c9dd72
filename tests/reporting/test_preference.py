"""The table of temporal preference."""

import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.reporting.formats import FILES, write_table
from vqathinker.reporting.scores import preference_table, read_preference

KINDS = ("reverse", "random_drop", "all")


def measured(run: str, value: float, reason: str | None = None) -> dict[str, Any]:
    width = (None, None) if reason else (value - 0.125, value + 0.125)
    share = dict(zip(("value", "low", "high", "reason"), (value, *width, reason), strict=True))
    found = {"n": 24, "n_no_score": 1, "preference": share, "ties": 0.25, "difference": share}
    about = {"run": run, "benchmark": "seen", "score": "greedy", "videos": 25}
    return {**about, "kinds": dict.fromkeys(KINDS, found)}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    contents = {
        "base": measured("base", 0.5, "4 videos or contents to resample; an interval needs 6"),
        "grpo": measured("grpo", 0.8125),
    }
    for run, content in contents.items():
        (tmp_path / f"{run}.json").write_text(json.dumps(content), encoding="utf-8")
    return [tmp_path / f"{run}.json" for run in contents]


def test_the_csv_has_a_row_per_kind_and_the_grid_a_row_per_run(
    files: list[Path], tmp_path: Path
) -> None:
    table = preference_table(read_preference(files))
    assert [row["run"] for row in table.rows] == ["base"] * 3 + ["grpo"] * 3
    assert [row["kind"] for row in table.rows] == [*KINDS] * 2
    base, grpo = table.rows[0], table.rows[-1]
    assert (grpo["preference"], grpo["low"], grpo["high"]) == (0.8125, 0.6875, 0.9375)
    assert (base["low"], grpo[FILES]) == (None, [files[1]])
    assert base["reason"].startswith("4 videos or contents")
    write_table(table, tmp_path)
    assert (tmp_path / "preference.md").read_text(encoding="utf-8").splitlines() == [
        "| run | benchmark | reverse | random_drop | all | ties |",
        "| --- | --- | --- | --- | --- | --- |",
        "| base | seen | 0.50 | 0.50 | 0.50 | 0.25 |",
        "| grpo | seen | " + "0.81 [0.69, 0.94] | " * 3 + "0.25 |",
    ]
