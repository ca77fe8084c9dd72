"""The whole pipeline with the real commands, at the size of tests/workflow/tiny.yaml."""

import csv
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.golden import GOLDEN, changed_files, summarize_outputs

from vqathinker.evaluation.predictions import COLUMNS, read_predictions
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.policy import machine

pytestmark = pytest.mark.workflow

TEST_SETS = ("demo_indomain", "demo_content", "demo_distortion")
RUNS = ("base", "grpo")
RESULTS = Path("results") / "demo"


@pytest.fixture(scope="module")
def tiny(root, tmp_path_factory, copy_project):
    """The project after a whole run; test labels were hidden until the predictions were made."""
    project = copy_project(tmp_path_factory.mktemp("tiny"), [])
    shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
    parameters = ("--configfile", "tiny.yaml")
    project.snakemake(*parameters, "--", "data")
    hidden = hide_test_labels(project.folder)
    predictions = [str(RESULTS / f"predictions/{r}/{s}.parquet") for r in RUNS for s in TEST_SETS]
    project.snakemake(*parameters, "--", *predictions)
    restore_test_labels(hidden)
    project.snakemake(*parameters)
    return project


@pytest.fixture(scope="module")
def again(root, tmp_path_factory, copy_project):
    """The same run in another clean copy, with one command."""
    project = copy_project(tmp_path_factory.mktemp("again"), [])
    shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
    project.snakemake("--configfile", "tiny.yaml")
    return project


def hide_test_labels(folder: Path) -> dict[Path, bytes]:
    """Remove all MOS of the test sets, but keep the times of files."""
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


def restore_test_labels(hidden: dict[Path, bytes]) -> None:
    for path, content in hidden.items():
        before = path.stat() if path.exists() else None
        path.write_bytes(content)
        if before:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def read_files(folder: Path) -> dict[str, bytes]:
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


def test_a_damaged_file_is_in_the_manifest_and_counted_in_the_table(tiny):
    manifest = pd.read_parquet(tiny.folder / "data" / "demo_indomain" / "manifest.parquet")
    damaged = manifest[~manifest["status"].isin(["ok", "missing"])]
    assert damaged["status"].tolist() == ["no_index"]
    assert damaged["reason"].str.len().gt(5).all()
    counted = {(row["run"], row["benchmark"]): int(row["n_damaged"]) for row in scoring(tiny)}
    assert {key for key, number in counted.items() if number} == {(r, TEST_SETS[0]) for r in RUNS}
    assert set(counted.values()) == {0, 1}


def test_predictions_are_complete_without_the_labels_of_the_test_sets(tiny):
    for run in RUNS:
        for name in TEST_SETS:
            predictions = read_predictions(
                tiny.folder / RESULTS / "predictions" / run / f"{name}.parquet"
            )
            readable = 8 if name == "demo_indomain" else {"demo_distortion": 6}.get(name, 9)
            assert len(predictions.table) == readable
            assert set(COLUMNS) <= set(predictions.table.columns)
            assert predictions.provenance["run"] == run


def test_two_clean_runs_give_the_same_bytes(tiny, again):
    first, second = (read_files(project.folder / "results") for project in (tiny, again))
    assert len(first) > 15
    assert first.keys() == second.keys()
    assert [name for name, content in first.items() if second[name] != content] == []


def test_provenance_names_the_processor_and_the_kernels(tiny):
    path = tiny.folder / RESULTS / "predictions" / "grpo" / "demo_content.parquet"
    policy = tiny.folder / "models" / "demo" / "grpo" / "policy" / "provenance.json"
    recorded = read_predictions(path).provenance["machine"]
    assert recorded == json.loads(policy.read_text(encoding="utf-8"))["machine"]
    assert recorded["processor"]
    if "avx2" in machine._cpuinfo().get("flags", ""):
        assert recorded["kernels"] == "AVX2"
        assert set(recorded["caps"].values()) == {"avx2", "AVX2"}


def test_there_are_a_training_curve_a_report_and_a_policy(tiny):
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


def test_a_second_run_does_nothing_and_the_summary_lists_the_benchmarks(tiny):
    assert "Nothing to be done" in tiny.snakemake("--configfile", "tiny.yaml")
    output = tiny.run("vqathinker", "summary", str(RESULTS))
    assert "demo_distortion" in output
    assert "report.html" in output


def test_verify_agrees_with_all_numbers_of_the_workflow(tiny):
    own = f"PYTHONPATH={tiny.folder / 'src'}"
    output = tiny.run("env", own, "vqathinker", "verify", str(RESULTS))
    assert "scoring.csv: agrees" in output
    assert {line.rpartition(": ")[2] for line in output.splitlines()} == {"agrees"}


def test_results_equal_the_golden_values_or_have_a_new_version(tiny):
    """With VQATHINKER_RECORD=1, the golden values are replaced first."""
    now = {
        job: {"version": RESULTS_VERSION[job], "made": made}
        for job, made in summarize_outputs(tiny.folder).items()
    }
    assert all(entry["made"] for entry in now.values())
    cpu = machine._cpuinfo()
    here = cpu.get("model name", "") + " avx512f" * ("avx512f" in cpu.get("flags", ""))
    if "VQATHINKER_RECORD" in os.environ:
        record = {"machine": here, **now}
        GOLDEN.write_text(json.dumps(record, indent=0) + "\n", encoding="utf-8")
    before = json.loads(GOLDEN.read_text(encoding="utf-8"))
    same = before["machine"] == here
    for job, entry in now.items():
        changed = changed_files(before[job]["made"], entry["made"], same_machine=same)
        if entry["version"] == before[job]["version"]:
            assert not changed, (
                f"outputs of {job} changed. If you intended this, add a line to {job} in "
                "phases/results_version.py, then run the test with VQATHINKER_RECORD=1"
            )
        else:
            assert not changed, f"{job} has a new version: run the test with VQATHINKER_RECORD=1"
