"""The whole pipeline with its real command line, at the size of tests/workflow/tiny.yaml."""

import csv
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.recorded import RECORD, differences, summaries

from vqathinker.evaluation.predictions import COLUMNS, read_predictions
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.policy import machine

pytestmark = pytest.mark.workflow

TEST_SETS = ("demo_indomain", "demo_content", "demo_distortion")
RUNS = ("base", "grpo")
RESULTS = Path("results") / "demo"


@pytest.fixture(scope="module")
def tiny(root, tmp_path_factory, copy_with):
    """The project after a whole run, whose test labels were hidden until the predictions stood."""
    project = copy_with(tmp_path_factory.mktemp("tiny"), [])
    shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
    parameters = ("--configfile", "tiny.yaml")
    project.snakemake(*parameters, "--", "data")
    hidden = hide_test_labels(project.folder)
    predictions = [str(RESULTS / f"predictions/{r}/{s}.parquet") for r in RUNS for s in TEST_SETS]
    project.snakemake(*parameters, "--", *predictions)
    show_test_labels(hidden)
    project.snakemake(*parameters)
    return project


@pytest.fixture(scope="module")
def again(root, tmp_path_factory, copy_with):
    """The same run in another clean copy, in one go."""
    project = copy_with(tmp_path_factory.mktemp("again"), [])
    shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
    project.snakemake("--configfile", "tiny.yaml")
    return project


def hide_test_labels(folder: Path) -> dict[Path, bytes]:
    """Take every MOS of the test sets away, and keep the times of what is left."""
    hidden = {}
    for name in TEST_SETS:
        manifest = folder / "data" / name / "manifest.parquet"
        labels = folder / "data" / name / "source" / "labels.csv"
        hidden |= {path: path.read_bytes() for path in (manifest, labels)}
        before = manifest.stat()
        table = pd.read_parquet(manifest)
        table.drop(columns=["mos", "mos_training"]).to_parquet(manifest)
        os.utime(manifest, ns=(before.st_atime_ns, before.st_mtime_ns))
        labels.unlink()
    return hidden


def show_test_labels(hidden: dict[Path, bytes]) -> None:
    for path, content in hidden.items():
        before = path.stat() if path.exists() else None
        path.write_bytes(content)
        if before:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def files_below(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def scoring(project) -> list[dict[str, str]]:
    with (project.folder / RESULTS / "tables" / "scoring.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_run_has_a_row_on_every_benchmark(tiny):
    rows = scoring(tiny)
    assert [(row["run"], row["benchmark"]) for row in rows] == [
        (run, name) for run in RUNS for name in TEST_SETS
    ]
    assert [int(row["n"]) for row in rows] == [9, 9, 6] * 2
    assert {row["domain"] for row in rows} == {"in-domain", "out-of-distribution"}


def test_the_damaged_file_is_told_in_the_manifest_and_counted_in_the_table(tiny):
    manifest = pd.read_parquet(tiny.folder / "data" / "demo_indomain" / "manifest.parquet")
    damaged = manifest[~manifest["status"].isin(["ok", "missing"])]
    assert damaged["status"].tolist() == ["no_index"]
    assert damaged["reason"].str.len().gt(5).all()
    counted = {(row["run"], row["benchmark"]): int(row["n_damaged"]) for row in scoring(tiny)}
    assert {key for key, number in counted.items() if number} == {(r, TEST_SETS[0]) for r in RUNS}
    assert set(counted.values()) == {0, 1}


def test_predictions_were_made_without_the_labels_of_the_test_sets(tiny):
    """The fixture took them away; what is left to see is that the predictions are whole."""
    for run in RUNS:
        for name in TEST_SETS:
            said = read_predictions(tiny.folder / RESULTS / "predictions" / run / f"{name}.parquet")
            readable = 8 if name == "demo_indomain" else {"demo_distortion": 6}.get(name, 9)
            assert len(said.table) == readable
            assert set(COLUMNS) <= set(said.table.columns)
            assert said.provenance["run"] == run


def test_two_clean_runs_on_one_machine_give_the_same_results_byte_for_byte(tiny, again):
    first, second = (files_below(project.folder / "results") for project in (tiny, again))
    assert len(first) > 15
    assert first.keys() == second.keys()
    assert [name for name, content in first.items() if second[name] != content] == []


def test_results_tell_the_processor_and_the_kernels(tiny):
    path = tiny.folder / RESULTS / "predictions" / "grpo" / "demo_content.parquet"
    policy = tiny.folder / "models" / "demo" / "grpo" / "policy" / "provenance.json"
    told = read_predictions(path).provenance["machine"]
    assert told == json.loads(policy.read_text(encoding="utf-8"))["machine"]
    assert told["processor"]
    if "avx2" in machine._cpuinfo().get("flags", ""):
        assert told["kernels"] == "AVX2"
        assert set(told["caps"].values()) == {"avx2", "AVX2"}


def test_there_is_a_curve_a_page_and_a_policy_that_loads_by_path(tiny):
    results = tiny.folder / RESULTS
    steps = pd.read_csv(results / "figures" / "training_curve.csv")
    assert set(steps["run"]) == {"grpo"}
    assert steps["step"].max() == 4
    assert (results / "figures" / "training_curve.png").stat().st_size > 1000
    drawn = {path.stem for path in (results / "figures").glob("*.svg")}
    assert drawn >= {"calibration", "preference", "training_curve"}
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "grpo" in page
    assert "://" not in page.replace("http://www.w3.org", "")
    assert list((tiny.folder / "models" / "demo" / "grpo" / "policy").glob("*.safetensors"))


def test_a_second_run_does_nothing_and_the_summary_shows_the_scores(tiny):
    assert "Nothing to be done" in tiny.snakemake("--configfile", "tiny.yaml")
    said = tiny.run("vqathinker", "summary", str(RESULTS))
    assert "demo_distortion" in said
    assert "report.html" in said


def test_every_number_is_verified_in_the_folder_that_the_workflow_made(tiny):
    """With what Snakemake leaves there; the command fails where anything differs."""
    own = f"PYTHONPATH={tiny.folder / 'src'}"
    said = tiny.run("env", own, "vqathinker", "verify", str(RESULTS))
    assert "scoring.csv: agrees" in said
    assert {line.rpartition(": ")[2] for line in said.splitlines()} == {"agrees"}


def test_results_are_those_on_record_or_have_a_new_version(tiny):
    """After a change on purpose VQATHINKER_RECORD=1 writes the record anew."""
    now = {
        job: {"version": RESULTS_VERSION[job], "made": made}
        for job, made in summaries(tiny.folder).items()
    }
    assert all(entry["made"] for entry in now.values())
    told = machine._cpuinfo()
    here = " ".join(
        [told.get("model name", ""), *("avx512f",) * ("avx512f" in told.get("flags", ""))]
    )
    if "VQATHINKER_RECORD" in os.environ:
        record = {"machine": here, **now}
        RECORD.write_text(json.dumps(record, indent=0) + "\n", encoding="utf-8")
    before = json.loads(RECORD.read_text(encoding="utf-8"))
    same = before["machine"] == here
    for job, entry in now.items():
        changed = differences(before[job]["made"], entry["made"], same_machine=same)
        if entry["version"] == before[job]["version"]:
            assert not changed, (
                f"{job} makes other results. If that is on purpose, add a line to {job} in "
                "phases/results_version.py, then record anew with VQATHINKER_RECORD=1"
            )
        else:
            assert not changed, f"{job} has a new version: record anew with VQATHINKER_RECORD=1"
