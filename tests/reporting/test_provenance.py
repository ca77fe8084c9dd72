"""Tests of provenance, explain, verify and archive."""

import csv
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from rocrate.rocrate import ROCrate
from tests.programs import program_or_skip
from typer.testing import CliRunner, Result

from vqathinker.cli import app
from vqathinker.datasets.receipt import files_digest
from vqathinker.evaluation.metrics import write_metrics
from vqathinker.evaluation.predictions import read_predictions, write_predictions
from vqathinker.hashing import sha256_of_file
from vqathinker.params import IntervalsParams
from vqathinker.policy.folder.hashes import policy_hash
from vqathinker.reporting.explain import as_text, explain
from vqathinker.reporting.provenance import read_provenance, row_name

QUICK = IntervalsParams(resamples=200, seed=7, confidence=0.95)
SETS, RUNS = ("demo_indomain", "demo_content"), ("base", "grpo")
VIDEOS = [f"{number}.mp4" for number in range(8)]
MOS = np.linspace(1, 5, len(VIDEOS))
RESULTS = Path("results/demo")
Change = Callable[[], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A project folder with two runs on two benchmarks and their tables; read-only."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("Snakefile", "params.yaml", "constraints.txt", "README.md", "LICENSE"):
            shutil.copy(root / name, folder)
        shutil.copytree(root / "envs", folder / "envs")
        for name in SETS:
            write_set(Path("data", name))
        files: dict[str, list[str]] = {"metrics": [], "predictions": []}
        for run in RUNS:
            write_policy(Path("models/demo", run, "policy"), run)
            for name in SETS:
                predictions = RESULTS / "predictions" / run / f"{name}.parquet"
                metrics = RESULTS / "metrics" / run / f"{name}.json"
                write_run_predictions(predictions, run, name)
                manifest = Path("data", name, "manifest.parquet")
                write_metrics(manifest, predictions, {}, metrics, intervals=QUICK)
                files["metrics"].append(str(metrics))
                files["predictions"].append(str(predictions))
        files["manifest"] = [f"data/{name}/manifest.parquet" for name in SETS]
        words = [word for option, paths in files.items() for word in (f"--{option}", *paths)]
        done = call("tables", *words, "--output", str(RESULTS / "tables"))
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A writable copy of the project, as working directory."""
    folder = shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def in_project(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def write_set(folder: Path) -> None:
    (folder / "source" / "videos").mkdir(parents=True)
    for video in VIDEOS:
        (folder / "source" / "videos" / video).write_bytes(f"{folder} {video}".encode())
    (folder / "source" / "labels.csv").write_text("video,mos\n", encoding="utf-8")
    names = ["labels.csv", *(f"videos/{video}" for video in VIDEOS)]
    paths = {name: folder / "source" / name for name in names}
    receipt = {
        "files": [
            {"path": name, "bytes": path.stat().st_size, "sha256": sha256_of_file(path)}
            for name, path in paths.items()
        ],
        "made_by": "vqathinker.datasets.fetching",
        "downloads": [{"name": "labels.csv", "origin": "https://example.org", "revision": "abc"}],
    }
    (folder / "source.json").write_text(json.dumps(receipt), encoding="utf-8")
    promise = {
        "set": folder.name,
        "made": True,
        "labels": {"file": "labels.csv", "sha256": sha256_of_file(paths["labels.csv"])},
        "files_sha256": files_digest(receipt),
    }
    write_manifest(folder / "manifest.parquet", MOS, promise)


def write_manifest(path: Path, mos: np.ndarray, promise: dict[str, Any]) -> None:
    files = [f"videos/{video}" for video in VIDEOS]
    known = {"mos": mos, "mos_training": mos, "file": files, "video": VIDEOS}
    domain = {"demo_indomain": "in-domain"}.get(path.parent.name, "out-of-distribution")
    rest = {"status": "ok", "reason": None, "content": None, "kind": None, "domain": domain}
    table = pa.Table.from_pandas(pd.DataFrame(known).assign(**rest), preserve_index=False)
    pq.write_table(table.replace_schema_metadata({"set": json.dumps(promise)}), path)


def write_policy(folder: Path, run: str) -> None:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(run.encode())
    (folder / "provenance.json").write_text("{}", encoding="utf-8")
    (folder.parent / "history.csv").write_text("step\n1\n", encoding="utf-8")


def write_run_predictions(path: Path, run: str, benchmark: str) -> None:
    score = 3 + (MOS - 3) * (run == "grpo") + np.sin(np.arange(len(VIDEOS)))
    table = pd.DataFrame({"video": VIDEOS, "score": score, "greedy": score})
    policy = Path("models/demo", run, "policy")
    origin = {
        "run": run, "benchmark": benchmark, "setting": "6x56", "clips": ["c1"], "device": "cpu",
        "policy": policy_hash(policy), "policy_origin": {"folder": policy.as_posix(), "run": run},
        "machine": {"processor": "a processor", "gpu": None}, "code": "0123abc",
    }  # fmt: skip
    write_predictions(path, table.assign(completion="", parse_status="ok"), origin)


@pytest.mark.usefixtures("in_project")
def test_every_table_cell_can_be_explained() -> None:
    tables = read_provenance(RESULTS).tables
    assert set(tables) >= {"scoring", "overall", "scores", "answers", "main", "ladder"}
    for table, entry in tables.items():
        rows = {row_name(row, entry["key"]): row for row in rows_of(table)}
        assert list(rows) == list(entry["rows"])
        for name, row in list(rows.items())[::9]:
            column = list(row)[-1]
            explained = explain(RESULTS, table, name, column)
            assert explained.value == row[column]
            assert explained.chains or table == "attribution"  # no questions were asked
            assert as_text(explained)


@pytest.mark.usefixtures("in_project")
def test_source_files_of_a_row_include_its_benchmarks_and_compared_runs() -> None:
    tables = read_provenance(RESULTS).tables
    metrics = "results/demo/metrics"
    ours = {files[0] for row, files in tables["main"]["rows"].items() if row.startswith("grpo/")}
    assert ours == {f"{metrics}/grpo/{name}.json" for name in SETS}
    assert tables["overall"]["rows"]["base/in-domain"] == [f"{metrics}/base/demo_indomain.json"]
    row = "untrained/base/demo (untrained)/in-domain/demo_indomain/srcc"
    compared = tables["ladder"]["rows"][row]
    assert compared == [f"{metrics}/{run}/demo_indomain.json" for run in RUNS]


@pytest.mark.usefixtures("in_project")
def test_explain_traces_a_number_to_its_videos() -> None:
    done = call("explain", str(RESULTS), "scoring", "grpo/demo_content", "srcc", "--json")
    [chain] = json.loads(done.stdout)["chains"]
    states = {link["kind"]: link["state"] for link in chain["links"]}
    for kind in ("metrics", "predictions", "policy", "manifest", "receipt", "labels"):
        assert states[kind] == "ok", kind
    [labels] = [link for link in chain["links"] if link["kind"] == "labels"]
    assert labels["facts"]["from"] == ["https://example.org at abc"]
    assert [video["state"] for video in chain["videos"]] == ["ok"] * len(VIDEOS)


def rows_of(table: str) -> list[dict[str, str]]:
    with (RESULTS / "tables" / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def change_manifest() -> None:
    write_manifest(Path("data/demo_content/manifest.parquet"), MOS[::-1], {"set": "demo_content"})


def change_video() -> None:
    Path("data/demo_content/source/videos/3.mp4").write_bytes(b"another")


def remove_policy() -> None:
    shutil.rmtree("models/demo/grpo/policy")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (change_manifest, "manifest     data/demo_content/manifest.parquet  DIFFERS"),
        (change_video, "videos       8: 7 ok, 1 DIFFERS"),
        (remove_policy, "policy       models/demo/grpo/policy  missing"),
    ],
)
def test_explain_reports_changed_and_missing_files(
    project: Path, change: Change, line: str
) -> None:
    change()
    done = call("explain", str(RESULTS), "scoring", "grpo/demo_content", "srcc")
    assert done.exit_code == 0
    assert line in done.stdout.splitlines()


@pytest.mark.usefixtures("in_project")
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nothing", "grpo/demo_content", "srcc"), "scoring"),
        (("scoring", "grpo", "srcc"), "grpo/demo_content"),
        (("scoring", "grpo/demo_content", "srrc"), "did you mean srcc?"),
    ],
)
def test_an_unknown_cell_lists_the_known_ones(words: tuple[str, ...], named: str) -> None:
    done = call("explain", str(RESULTS), *words)
    assert done.exit_code == 1
    assert named in done.stderr


def test_verify_agrees_from_any_working_directory(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("verify", "project/results/demo")
    assert done.exit_code == 0, done.output
    assert "DIFFERS" not in done.stdout
    assert "main.csv: agrees" in done.stdout.splitlines()


def test_verify_lists_the_cells_that_a_changed_prediction_affects(project: Path) -> None:
    path = RESULTS / "predictions/grpo/demo_content.parquet"
    table, origin = read_predictions(path)
    write_predictions(path, table.assign(score=table["score"].to_numpy()[::-1]), origin)
    done = call("verify", str(RESULTS))
    assert done.exit_code == 1
    assert f"  {path}: DIFFERS" in done.stdout
    assert "  srcc is " in done.stdout
    assert "  grpo/demo_content, srcc: " in done.stdout
    assert "  base/demo_content, srcc: " not in done.stdout


def test_archives_are_reproducible_and_complete(project: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert call("archive", str(RESULTS), "--output", str(tmp_path / name)).exit_code == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with ZipFile(tmp_path / "a.zip") as file:
        names = file.namelist()
        resolved = yaml.safe_load(file.read("parameters/resolved.yaml"))
        packages = json.loads(file.read("environment.json"))["packages"]
    assert len(names) == len(set(names))
    assert {"Snakefile", "params.yaml", "constraints.txt", "envs/policy.yaml", "code.json",
            "results/demo/tables/provenance.json", "data/demo_content/source.json",
            "results/demo/predictions/grpo/demo_content.parquet",
            "models/demo/grpo/policy/provenance.json"} <= set(names)  # fmt: skip
    assert not [name for name in names if name.endswith((".mp4", ".safetensors", "labels.csv"))]
    assert resolved["scale"] == "demo"
    assert "numpy" in packages


def test_an_archive_is_a_valid_workflow_run_crate(project: Path, tmp_path: Path) -> None:
    call("archive", str(RESULTS), "--output", str(tmp_path / "a.zip"))
    crate = ROCrate(tmp_path / "a.zip")
    assert crate.mainEntity.id == "Snakefile"
    assert "ComputationalWorkflow" in crate.mainEntity.type
    action = crate.dereference("#run")
    assert action["instrument"] is crate.mainEntity
    assert "results/demo/tables/main.csv" in {entity.id for entity in action["result"]}
    outside = {entity.get("sha256") for entity in action["object"]}
    assert sha256_of_file(Path("data/demo_content/manifest.parquet")) in outside
    assert policy_hash(Path("models/demo/grpo/policy")) in outside
    profiles = {entity.id for entity in crate.root_dataset["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles
    assert {"name", "description", "datePublished", "license"} <= set(
        crate.root_dataset.properties()
    )


def test_the_recorded_revision_ignores_parent_repositories(project: Path, tmp_path: Path) -> None:
    program_or_skip("git")

    def archived() -> dict[str, Any]:
        call("archive", str(RESULTS), "--output", str(tmp_path / "a.zip"))
        with ZipFile(tmp_path / "a.zip") as file:
            return json.loads(file.read("code.json"))

    subprocess.run(["git", "init", "-q", str(project.parent)], check=True)
    assert archived()["changed"] is None
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    assert "?? params.yaml" in archived()["changed"]


def test_archive_without_a_snakefile_is_an_error(project: Path) -> None:
    Path("Snakefile").unlink()
    done = call("archive", str(RESULTS), "--output", "a.zip")
    assert done.exit_code == 1
    assert "no Snakefile" in done.stderr
