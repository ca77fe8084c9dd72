"""Tables of scores, published rows, and the summary on the terminal."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from vqathinker.errors import InputError
from vqathinker.evaluation.origins import MISSING_SETS
from vqathinker.evaluation.understanding.measure import measure_row
from vqathinker.params import UnderstandingParams
from vqathinker.reporting.formats import FILES, read_table, write_table
from vqathinker.reporting.published import PAPER_METHOD, SOURCE_TYPES, read_published
from vqathinker.reporting.scores import (
    SCORING_COLUMNS,
    average,
    read_metrics,
    score_tables,
    understanding_tables,
)
from vqathinker.reporting.summary import print_summary
from vqathinker.reporting.tables import table_notes

COUNTS = {"ok": 9, "no_answer": 1, "not_a_number": 0, "out_of_range": 0, "truncated": 0}
OF_KIND: dict[str, Any] = {
    "srcc": 0.5, "plcc": 0.25, "reason": None, "n_scored": 9, "distinct": 5, "spread_error": None,
}  # fmt: skip
CARDS = Path("cards")
QUESTIONS = UnderstandingParams.model_validate(
    {
        "tasks": {
            "demo_indomain": {"kind": "made", "set": "demo_indomain", "file": "degradations.csv"},
            "q_bench_video": {"kind": "q_bench_video", "set": "q_bench_video", "file": "dev.json"},
        },
        "seed": 7, "max_questions": None, "answer_by": "generated",
    }
)  # fmt: skip
ACCURACY = measure_row("accuracy", "overall", "", n=3, n_failed=0, value=2 / 3, low=0.2, high=0.94,
                  chance=0.2, majority=1 / 3)  # fmt: skip
YES_NO = measure_row("accuracy", "type", "yes/no", n=9, n_failed=1, value=0.5, low=0.2, high=0.8,
                chance=0.5)  # fmt: skip


def result(run: str, benchmark: str, **other: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "run": run, "benchmark": benchmark, "domain": "in-domain", "score": "greedy",
        "n": 10, "n_missing": 0, "n_damaged": 0, "n_no_score": 0, "srcc": 0.5, "plcc": 0.25,
        "not_scored": {}, "by_score": {"greedy": OF_KIND}, "answers": COUNTS, "samples": {},
    }  # fmt: skip
    return plain | other


def of_files(*results: dict[str, Any]) -> list[dict[str, Any]]:
    return [one | {FILES: [Path(one["run"], f"{one['benchmark']}.json")]} for one in results]


def measured(name: str, low: Any, high: Any, **other: Any) -> dict[str, Any]:
    return {name: {"value": 0.8, "low": low, "high": high, "reason": None} | other}


def write_metrics(folder: Path, *results: dict[str, Any]) -> list[Path]:
    paths = [folder / f"{number}.json" for number in range(len(results))]
    for path, content in zip(paths, results, strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return paths


def write(folder: Path, *results: dict[str, Any]) -> Path:
    for table in score_tables(read_metrics(write_metrics(folder, *results))):
        write_table(table, folder / "tables")
    return folder / "tables"


def test_scoring_has_one_row_per_file_in_the_given_order(tmp_path: Path) -> None:
    tables = write(
        tmp_path,
        result("grpo", "konvid", srcc=0.8512349, n_damaged=1, measures=measured("srcc", 0.7, 0.9)),
        result("base", "konvid", srcc=None, plcc=None, n_no_score=10),
    )
    assert (tables / "scoring.csv").read_bytes() == (
        b"run,benchmark,domain,score,n,n_missing,n_damaged,n_no_score,"
        b"srcc,plcc,srcc_low,srcc_high,plcc_low,plcc_high\n"
        b"grpo,konvid,in-domain,greedy,10,0,1,0,0.851235,0.250000,0.700000,0.900000,,\n"
        b"base,konvid,in-domain,greedy,10,0,0,10,,,,,,\n"
    )
    lines = (tables / "scoring.md").read_text(encoding="utf-8").splitlines()
    assert lines[1].count("---:") == 10
    assert lines[3].startswith("| base | konvid | in-domain | greedy | 10 | 0 | 0 | 10 | – | – |")


def test_the_measures_table_has_published_accuracies(tmp_path: Path) -> None:
    found = measured("pairwise_accuracy", 0.7, 0.9) | measured("srcc", 0.1, 0.2)
    found |= measured("rmse_logistic", None, None, value=None, reason="no fit")
    tables = write(tmp_path, result("grpo", "konvid_1k", measures=found))
    assert (tables / "measures.csv").read_text().splitlines() == [
        "run,benchmark,measure,value,low,high,published,reason",
        "grpo,konvid_1k,pairwise_accuracy,0.800000,0.700000,0.900000,0.871700,",
        "grpo,konvid_1k,rmse_logistic,,,,,no fit",
    ]


def test_averages_are_weighted_by_videos_and_count_them() -> None:
    # 0.9 on 30 and 0.5 on 10 videos; a missing set adds only to n_missing
    missing = result("r", "c", n=30, n_missing=30, srcc=None, plcc=None)
    rows = list(
        average(of_files(result("r", "a", n=30, srcc=0.9, n_no_score=2), result("r", "b"), missing))
    )
    assert rows == [
        {
            "run": "r", "domain": "in-domain", "benchmarks": 3, "benchmarks_scored": 2,
            "n": 70, "n_missing": 30, "n_damaged": 0, "n_no_score": 2, "n_scored": 38,
            "srcc": pytest.approx(0.8), "plcc": pytest.approx(0.25),
            FILES: [Path("r", f"{name}.json") for name in "abc"],
        }
    ]  # fmt: skip
    (row,) = average(of_files(result("r", "a", srcc=None, plcc=None)))
    assert (row["srcc"], row["benchmarks_scored"], row["n_scored"]) == (None, 0, 0)


def test_published_values_average_to_the_published_overall() -> None:
    # docs/method.md, section 6: published SRCC and PLCC of VQAThinker and their averages
    published = {
        "in-domain": [(7182, 0.883, 0.880), (3573, 0.798, 0.834), (1200, 0.881, 0.884),
                      (585, 0.808, 0.847), (1020, 0.860, 0.863)],
        "out-of-distribution": [(600, 0.767, 0.806), (357, 0.856, 0.845), (480, 0.528, 0.610),
                                (1200, 0.573, 0.624), (839, 0.706, 0.716)],
    }  # fmt: skip
    results = [
        result("paper", str(n), domain=domain, n=n, srcc=srcc, plcc=plcc)
        for domain, benchmarks in published.items()
        for n, srcc, plcc in benchmarks
    ]
    found = [(round(row["srcc"], 3), round(row["plcc"], 3)) for row in average(of_files(*results))]
    assert found == [(0.855, 0.866), (0.661, 0.698)]


def test_invalid_tables_and_metrics_are_refused_by_name(tmp_path: Path) -> None:
    paths = write_metrics(tmp_path, result("r", "a"), result("r", "a"), {"run": "r"})
    with pytest.raises(InputError, match=r"1\.json.*\('r', 'a'\)"):
        read_metrics(paths[:2])
    with pytest.raises(InputError, match=r"2\.json.*benchmark, domain"):
        read_metrics(paths[2:])
    with pytest.raises(InputError, match=r"scoring\.csv"):
        read_table(tmp_path / "scoring.csv", SCORING_COLUMNS)
    (tmp_path / "scoring.csv").write_text("run\nr\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"scoring\.csv.*benchmark"):
        read_table(tmp_path / "scoring.csv", SCORING_COLUMNS)


def test_each_missing_set_is_listed_once_with_its_empty_rows() -> None:
    both = {"cgvds": "cgvds is not there", "lsvq_train": "lsvq_train is not there"}
    one = {"lsvq_train": both["lsvq_train"]}
    missing = (("cgvds", both), ("konvid_1k", one), ("konvid_1k", {}))
    results = of_files(
        *(result("r", name, provenance={MISSING_SETS: reason}) for name, reason in missing)
    )
    missing, _ = table_notes(results, CARDS)
    files = [Path("r", "cgvds.json"), Path("r", "konvid_1k.json")]
    assert missing == [
        {"set": "cgvds", "rows": 1, "reason": both["cgvds"], FILES: files[:1]},
        {"set": "lsvq_train", "rows": 2, "reason": both["lsvq_train"], FILES: files},
    ]


def answered(folder: Path, run: str, task: str, *rows: dict[str, Any]) -> Path:
    path = folder / f"{run}-{task}.json"
    content = {"run": run, "task": task, "answer_by": "generated", "rows": rows}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_every_run_has_accuracy_chance_and_published_value(
    tmp_path: Path,
) -> None:
    files = [answered(tmp_path, run, "demo_indomain", ACCURACY) for run in ("grpo", "base")]
    files.append(answered(tmp_path, "grpo", "q_bench_video", YES_NO))
    made, others = understanding_tables(QUESTIONS, ["base", "grpo"], files)
    assert [(row["run"], row["value"], row["chance"]) for row in made.rows] == [
        ("base", 2 / 3, 0.2), ("grpo", 2 / 3, 0.2)
    ]  # fmt: skip
    missing, understanding = others.rows
    assert (missing["value"], missing[FILES]) == (None, [])
    assert "vqathinker data fetch q_bench_video" in missing["reason"]
    assert understanding["published"] == pytest.approx(0.7042)
    assert [path.name for path in understanding[FILES]] == [
        "grpo-q_bench_video.json", "published_understanding.csv"
    ]  # fmt: skip
    write_table(made, tmp_path)
    assert read_table(tmp_path / "attribution.csv")[0]["value"] == 0.666666667
    with pytest.raises(InputError, match=r"base-demo_indomain\.json"):
        understanding_tables(QUESTIONS, ["base"], [*files, files[1]])


def test_the_paper_has_a_value_on_each_of_its_benchmarks(config) -> None:
    data = config["scales"]["paper"]["data"]
    published = read_published()
    rows = {row["benchmark"]: row for row in published if row["method"] == PAPER_METHOD}
    known = {*data["in_domain"], *data["out_of_distribution"], "kvq"}
    assert set(rows) == {row["benchmark"] for row in published} == known
    assert (rows["lsvq_test"]["srcc"], rows["lsvq_test"]["plcc"]) == (0.883, 0.880)
    assert rows["vdpve"]["source_type"] == "catalogue"


def test_published_rows_are_complete_and_unique() -> None:
    table = pd.DataFrame(read_published())
    key = [table["source_type"] == "independent", *(table[c] for c in ("method", "training_data"))]
    assert not pd.DataFrame(key).T.assign(benchmark=table["benchmark"]).duplicated().any()
    assert table[["srcc", "plcc"]].abs().max(axis=None) <= 1
    assert table["comparable"].dtype == bool
    assert set(table["source_type"]) <= set(SOURCE_TYPES)
    assert (table != "").all(axis=None)


def printed(folder: Path) -> str:
    text = io.StringIO()
    print_summary(folder, Console(file=text, width=80))
    return text.getvalue()


def change(scale: Any, **columns: Any) -> pd.DataFrame:
    path = scale.tables / "scoring.csv"
    rows = pd.read_csv(path).assign(**columns)
    rows.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")
    return rows


def test_long_names_and_intervals_fit_eighty_columns(scale: Any) -> None:
    long = {"run": "grpo-only-regression", "benchmark": "demo_distortion"}
    rows = change(scale, srcc_low=-0.9012, srcc_high=0.9987, **long)
    lines = printed(scale.root).splitlines()
    whole = [line for line in lines if "grpo-only-regression  demo_distortion " in line]
    assert len(whole) == len(rows)
    assert "1.000 -0.90…1.00" in whole[-1]
    assert max(len(line) for line in lines if "Report" not in line) <= 80


def test_the_summary_counts_videos_without_a_score(scale: Any) -> None:
    rows = change(scale, n_missing=2, n_damaged=0, n_no_score=1)
    output = printed(scale.root)
    scored = int(rows["n"].iloc[0]) - 3
    assert len(re.findall(rf"  {scored} +3  ", output)) == len(rows)
    assert f"{2 * len(rows)} missing, {len(rows)} without" in output
