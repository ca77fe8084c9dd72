"""Claims about the tables of scores."""

import json
from pathlib import Path
from typing import Any

import pytest

from vqathinker.errors import InputError
from vqathinker.reporting.formats import FILES, read_table, write_table
from vqathinker.reporting.scores import SCORING, average, read_metrics, score_tables

COUNTS = {"ok": 9, "no_answer": 1, "not_a_number": 0, "out_of_range": 0, "cut_off": 0}
OF_KIND: dict[str, Any] = {
    "srcc": 0.5, "plcc": 0.25, "reason": None, "n_scored": 9, "distinct": 5, "spread_error": None,
}  # fmt: skip


def result(run: str, benchmark: str, **other: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "run": run,
        "benchmark": benchmark,
        "domain": "in-domain",
        "n": 10,
        "n_missing": 0,
        "n_damaged": 0,
        "n_null": 0,
        "srcc": 0.5,
        "plcc": 0.25,
        "not_scored": {},
        "score": "greedy",
        "by_score": {"greedy": OF_KIND},
        "answers": COUNTS,
        "samples": {},
        FILES: [Path(run, f"{benchmark}.json")],
    }
    return plain | other


def measured(name: str, low: Any, high: Any, **other: Any) -> dict[str, Any]:
    return {name: {"value": 0.8, "low": low, "high": high, "reason": None} | other}


def write(folder: Path, *results: dict[str, Any]) -> Path:
    paths = []
    for number, content in enumerate(results):
        path = folder / f"{number}.json"
        known = {key: value for key, value in content.items() if key != FILES}
        path.write_text(json.dumps(known), encoding="utf-8")
        paths.append(path)
    for table in score_tables(read_metrics(paths)):
        write_table(table, folder / "tables")
    return folder / "tables"


def test_scoring_has_one_row_for_each_file_in_the_order_given(tmp_path: Path) -> None:
    tables = write(
        tmp_path,
        result("grpo", "konvid", srcc=0.8512349, n_damaged=1, measures=measured("srcc", 0.7, 0.9)),
        result("base", "konvid", srcc=None, plcc=None, n_null=10),
    )
    assert (tables / "scoring.csv").read_bytes() == (
        b"run,benchmark,domain,score,n,n_missing,n_damaged,n_null,"
        b"srcc,plcc,srcc_low,srcc_high,plcc_low,plcc_high\n"
        b"grpo,konvid,in-domain,greedy,10,0,1,0,0.851235,0.250000,0.700000,0.900000,,\n"
        b"base,konvid,in-domain,greedy,10,0,0,10,,,,,,\n"
    )


def test_the_markdown_is_for_reading(tmp_path: Path) -> None:
    tables = write(tmp_path, result("grpo", "konvid", srcc=0.8512349, plcc=None))
    lines = (tables / "scoring.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("| run | benchmark | domain | score | n |")
    assert lines[1].count("---:") == 10
    assert lines[2].startswith(
        "| grpo | konvid | in-domain | greedy | 10 | 0 | 0 | 0 | 0.851 | – |"
    )


def test_every_kind_of_score_has_a_row(tmp_path: Path) -> None:
    mean = OF_KIND | {"srcc": 0.75, "distinct": 9, "spread_error": -0.125}
    tables = write(tmp_path, result("grpo", "konvid", by_score={"greedy": OF_KIND, "mean": mean}))
    assert (tables / "scores.csv").read_text().splitlines() == [
        "run,benchmark,score,n_scored,distinct,srcc,plcc,spread_error",
        "grpo,konvid,greedy,9,5,0.500000,0.250000,",
        "grpo,konvid,mean,9,9,0.750000,0.250000,-0.125000",
    ]
    assert read_table(tables / "scores.csv")[0]["spread_error"] is None


def test_answers_are_counted_by_status_greedy_and_drawn_apart(tmp_path: Path) -> None:
    drawn = COUNTS | {"ok": 30, "out_of_range": 6}
    tables = write(tmp_path, result("grpo", "konvid", samples=drawn), result("base", "konvid"))
    assert (tables / "answers.csv").read_text().splitlines() == [
        "run,benchmark,answers,ok,no_answer,not_a_number,out_of_range,cut_off",
        "grpo,konvid,greedy,9,1,0,0,0",
        "grpo,konvid,drawn,30,1,0,6,0",
        "base,konvid,greedy,9,1,0,0,0",
    ]
    assert read_table(tables / "answers.csv")[1]["out_of_range"] == 6


def test_further_measures_have_a_table_with_the_published_accuracy_beside(tmp_path: Path) -> None:
    found = measured("pairwise_accuracy", 0.7, 0.9) | measured("srcc", 0.1, 0.2)
    found |= measured("rmse_logistic", None, None, value=None, reason="no fit")
    tables = write(tmp_path, result("grpo", "konvid_1k", measures=found))
    assert (tables / "measures.csv").read_text().splitlines() == [
        "run,benchmark,measure,value,low,high,published,reason",
        "grpo,konvid_1k,pairwise_accuracy,0.800000,0.700000,0.900000,0.871700,",
        "grpo,konvid_1k,rmse_logistic,,,,,no fit",
    ]


def test_averages_are_weighted_by_the_number_of_videos() -> None:
    # 0.9 of 30 and 0.5 of 10 videos
    rows = average([result("r", "a", n=30, srcc=0.9, n_null=2), result("r", "b", n_null=1)])
    assert rows == [
        {
            "run": "r",
            "domain": "in-domain",
            "benchmarks": 2,
            "n": 40,
            "n_missing": 0,
            "n_damaged": 0,
            "n_null": 3,
            "benchmarks_scored": 2,
            "n_scored": 37,
            "srcc": pytest.approx(0.8),
            "plcc": pytest.approx(0.25),
            FILES: [Path("r", "a.json"), Path("r", "b.json")],
        }
    ]


def test_averages_keep_runs_and_domains_apart() -> None:
    rows = average(
        [result(run, f"b{domain}", domain=domain) for run in ("x", "y") for domain in ("in", "out")]
    )
    assert [(row["run"], row["domain"]) for row in rows] == [
        ("x", "in"),
        ("x", "out"),
        ("y", "in"),
        ("y", "out"),
    ]


def test_an_average_says_over_how_many_benchmarks_and_videos_it_is(tmp_path: Path) -> None:
    absent = result("r", "b", n=30, n_missing=30, srcc=None, plcc=None)
    tables = write(tmp_path, result("r", "a", n_null=1), absent)
    (row,) = read_table(tables / "overall.csv")
    assert (row["srcc"], row["plcc"]) == (0.5, 0.25)
    assert (row["benchmarks_scored"], row["benchmarks"]) == (1, 2)
    assert (row["n_scored"], row["n"], row["n_missing"]) == (9, 40, 30)


def test_an_average_over_nothing_is_none() -> None:
    (row,) = average([result("r", "a", srcc=None, plcc=None)])
    assert (row["srcc"], row["plcc"], row["benchmarks_scored"], row["n_scored"]) == (
        None,
        None,
        0,
        0,
    )


def test_the_published_figures_average_to_the_published_overall() -> None:
    # docs/method.md, section 6: published SRCC and PLCC of VQAThinker and their averages
    published = {
        "in-domain": [
            (7182, 0.883, 0.880),
            (3573, 0.798, 0.834),
            (1200, 0.881, 0.884),
            (585, 0.808, 0.847),
            (1020, 0.860, 0.863),
        ],
        "out-of-distribution": [
            (600, 0.767, 0.806),
            (357, 0.856, 0.845),
            (480, 0.528, 0.610),
            (1200, 0.573, 0.624),
            (839, 0.706, 0.716),
        ],
    }
    rows = average(
        [
            result("paper", str(n), domain=domain, n=n, srcc=srcc, plcc=plcc)
            for domain, benchmarks in published.items()
            for n, srcc, plcc in benchmarks
        ]
    )
    found = [(round(row["srcc"], 3), round(row["plcc"], 3)) for row in rows]
    assert found == [(0.855, 0.866), (0.661, 0.698)]


def test_every_video_without_a_score_is_named(tmp_path: Path) -> None:
    tables = write(tmp_path, result("r", "a", not_scored={"x, y.mp4": "moov atom not found"}))
    assert read_table(tables / "not_scored.csv") == [
        {"run": "r", "benchmark": "a", "video": "x, y.mp4", "reason": "moov atom not found"}
    ]


def test_tables_are_read_back_as_numbers(tmp_path: Path) -> None:
    (row,) = read_table(write(tmp_path, result("r", "1.5")) / "scoring.csv", SCORING)
    assert (row["benchmark"], row["n"], row["srcc"]) == ("1.5", 10, 0.5)


def test_the_same_run_and_benchmark_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\('r', 'a'\)"):
        write(tmp_path, result("r", "a"), result("r", "a"))


def test_a_file_that_holds_no_metrics_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"0\.json: no benchmark, domain"):
        write(tmp_path, {"run": "r"})


def test_a_table_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scoring\.csv: no such file.* `vqathinker tables`"):
        read_table(tmp_path / "scoring.csv", SCORING)
