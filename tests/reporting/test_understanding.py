"""Tables of quality understanding: a row for every run and task, with a reason where nothing is."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.evaluation.understanding.rows import row_of
from vqathinker.params import UnderstandingParams
from vqathinker.reporting.formats import write_table
from vqathinker.reporting.understanding import COLUMNS, understanding_tables

PARAMS = UnderstandingParams.model_validate(
    {
        "tasks": {
            "demo_indomain": {"kind": "made", "set": "demo_indomain", "file": "degradations.csv"},
            "q_bench_video": {"kind": "q_bench_video", "set": "q_bench_video", "file": "dev.json"},
        },
        "seed": 7, "max_questions": None, "reading": "generated",
    }
)  # fmt: skip


def measures(folder: Path, run: str, task: str, *rows: dict[str, Any]) -> Path:
    path = folder / f"{run}-{task}.json"
    told = {"run": run, "task": task, "reading": "generated", "rows": rows}
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def write(runs: list[str], files: list[Path], folder: Path) -> None:
    for one in understanding_tables(PARAMS, runs, files):
        write_table(one, folder)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ACCURACY = row_of("accuracy", "overall", "", n=3, n_failed=0, value=2 / 3, low=0.2, high=0.94,
                  chance=0.2, majority=1 / 3)  # fmt: skip
YES_NO = row_of("accuracy", "type", "yes/no", n=9, n_failed=1, value=0.5, low=0.2, high=0.8,
                chance=0.5)  # fmt: skip


def test_attribution_has_its_accuracy_beside_chance_before_and_after(tmp_path: Path) -> None:
    files = [measures(tmp_path, run, "demo_indomain", ACCURACY) for run in ("grpo", "base")]
    write(["base", "grpo"], files, tmp_path)
    rows = table(tmp_path / "attribution.csv")
    assert list(rows[0]) == list(COLUMNS)
    assert [row["run"] for row in rows] == ["base", "grpo"]
    assert rows[0]["value"] == "0.666666667"
    assert rows[0]["chance"] == "0.200000000"
    text = (tmp_path / "attribution.md").read_text(encoding="utf-8")
    assert "| 3 | 0 | 0.667 | 0.200 | 0.940 | 0.200 | 0.333 | – | – |" in text


def test_a_set_that_is_not_there_is_an_empty_row_with_its_reason(tmp_path: Path) -> None:
    write(["base"], [], tmp_path)
    [row] = table(tmp_path / "understanding.csv")
    assert (row["run"], row["task"], row["value"]) == ("base", "q_bench_video", "")
    assert "vqathinker data fetch q_bench_video" in row["reason"]


def test_what_the_group_prints_stands_beside_ours(tmp_path: Path) -> None:
    file = measures(tmp_path, "released", "q_bench_video", YES_NO)
    write(["released"], [file], tmp_path)
    [row] = table(tmp_path / "understanding.csv")
    assert row["published"] == "0.704200000"


def test_two_files_of_one_run_and_task_are_refused(tmp_path: Path) -> None:
    file = measures(tmp_path, "base", "demo_indomain", ACCURACY)
    with pytest.raises(ValueError, match="demo_indomain"):
        write(["base"], [file, file], tmp_path)
