"""Claims about where numbers come from: provenance, explain, verify and archive."""

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
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

QUICK = IntervalsParams(resamples=200, seed=7, confidence=0.95)
SETS, RUNS = ("demo_indomain", "demo_content"), ("base", "grpo")
VIDEOS = [f"{number}.mp4" for number in range(8)]
MOS = np.linspace(1, 5, len(VIDEOS))
RESULTS = Path("results/demo")
Change = Callable[[], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A project's folder with two runs on two benchmarks and their tables; only for reading."""
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
                write_said(predictions, run, name)
                manifest = Path("data", name, "manifest.parquet")
                write_metrics(manifest, predictions, {}, metrics, intervals=QUICK)
                files["metrics"].append(str(metrics))
                files["predictions"].append(str(predictions))
        files["manifest"] = [f"data/{name}/manifest.parquet" for name in SETS]
        words = [word for option, paths in files.items() for word in (f"--{option}", *paths)]
        done = call("tables", *words, "--out-dir", str(RESULTS / "tables"))
        assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to change, which is where commands run."""
    folder = shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def inside(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def write_said(path: Path, run: str, benchmark: str) -> None:
    score = 3 + (MOS - 3) * (run == "grpo") + np.sin(np.arange(len(VIDEOS)))
    table = pd.DataFrame({"video": VIDEOS, "score": score, "greedy": score})
    policy = Path("models/demo", run, "policy")
    origin = {
        "run": run, "benchmark": benchmark, "setting": "6x56", "clips": ["c1"], "device": "cpu",
        "policy": policy_hash(policy), "policy_origin": {"folder": policy.as_posix(), "run": run},
        "machine": {"processor": "a processor", "gpu": None}, "code": "0123abc",
    }  # fmt: skip
    write_predictions(path, table.assign(completion="", parse_status="ok"), origin)


def cells(tables: Path) -> Iterator[tuple[str, str, str, str]]:
    """Table, row, column and value of every cell."""
    for path in sorted(tables.glob("*.csv")):
        key = json.loads(path.with_suffix(".provenance.json").read_text(encoding="utf-8"))["key"]
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                name = "/".join(row[column] for column in key if row[column])
                yield from ((path.stem, name, column, value) for column, value in row.items())


@pytest.mark.usefixtures("inside")
def test_every_cell_of_every_table_can_be_explained() -> None:
    found = list(cells(RESULTS / "tables"))
    assert {table for table, *_ in found} >= {"scoring", "overall", "scores", "answers", "main"}
    for table, row, column, value in found[::7]:
        explained = explain(RESULTS, table, row, column)
        assert explained.value == value
        assert explained.chains or table == "attribution"  # nobody was asked here
        assert as_text(explained)


@pytest.mark.usefixtures("inside")
def test_an_average_comes_from_all_its_benchmarks_and_a_published_row_from_its_list() -> None:
    told = json.loads((RESULTS / "tables" / "main.provenance.json").read_text(encoding="utf-8"))
    ours = {name: files for name, files in told["rows"].items() if name.startswith("grpo/")}
    assert {files[0] for files in ours.values()} == {
        f"results/demo/metrics/grpo/{name}.json" for name in SETS
    }
    overall = json.loads((RESULTS / "tables/overall.provenance.json").read_text(encoding="utf-8"))
    assert overall["rows"]["base/in-domain"] == ["results/demo/metrics/base/demo_indomain.json"]
    ladder = json.loads((RESULTS / "tables/ladder.provenance.json").read_text(encoding="utf-8"))
    compared = ladder["rows"]["untrained/base/demo as it is/in-domain/demo_indomain/srcc"]
    assert compared == [f"results/demo/metrics/{run}/demo_indomain.json" for run in RUNS]
    assert len(told["policies"]) == len(told["manifests"]) == 2
    assert len(told["conditions"]) == 1


@pytest.mark.usefixtures("inside")
def test_a_number_is_followed_down_to_its_videos() -> None:
    done = call("explain", str(RESULTS), "scoring", "grpo/demo_content", "srcc", "--json")
    [chain] = json.loads(done.stdout)["chains"]
    states = {link["kind"]: link["state"] for link in chain["links"]}
    for kind in ("metrics", "predictions", "policy", "manifest", "receipt", "labels"):
        assert states[kind] == "ok", kind
    [labels] = [link for link in chain["links"] if link["kind"] == "labels"]
    assert labels["facts"]["from"] == ["https://example.org at abc"]
    assert [video["state"] for video in chain["videos"]] == ["ok"] * len(VIDEOS)


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
        (remove_policy, "policy       models/demo/grpo/policy  gone"),
    ],
)
def test_what_is_no_longer_what_it_was_is_told(project: Path, change: Change, line: str) -> None:
    change()
    done = call("explain", str(RESULTS), "scoring", "grpo/demo_content", "srcc")
    assert done.exit_code == 0
    assert line in done.stdout.splitlines()


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("nothing", "grpo/demo_content", "srcc"), "scoring"),
        (("scoring", "grpo", "srcc"), "grpo/demo_content"),
        (("scoring", "grpo/demo_content", "srrc"), "did you mean srcc?"),
    ],
)
def test_a_wrong_cell_is_answered_with_those_that_there_are(
    words: tuple[str, ...], named: str
) -> None:
    done = call("explain", str(RESULTS), *words)
    assert done.exit_code == 1
    assert named in done.stderr


def test_results_that_follow_from_their_predictions_agree_from_anywhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("verify", "project/results/demo")
    assert done.exit_code == 0, done.output
    assert "DIFFERS" not in done.stdout
    assert "main.csv: agrees" in done.stdout.splitlines()


def test_a_changed_prediction_is_told_with_the_cells_that_hang_on_it(project: Path) -> None:
    path = RESULTS / "predictions/grpo/demo_content.parquet"
    table, origin = read_predictions(path)
    write_predictions(path, table.assign(score=table["score"].to_numpy()[::-1]), origin)
    done = call("verify", str(RESULTS))
    assert done.exit_code == 1
    assert f"  {path}: DIFFERS" in done.stdout
    assert "  srcc is " in done.stdout
    assert "  grpo/demo_content, srcc: " in done.stdout
    assert "  base/demo_content, srcc: " not in done.stdout


def test_a_changed_cell_is_told(project: Path) -> None:
    path = RESULTS / "tables" / "scoring.csv"
    text = path.read_text(encoding="utf-8").replace("base,demo_indomain,", "base,demo_indomain,x")
    path.write_text(text, encoding="utf-8")
    done = call("verify", str(RESULTS))
    assert done.exit_code == 1
    assert "base/demo_indomain, domain: xin-domain, computed again in-domain" in done.stdout


def test_two_archives_are_the_same_bytes_and_hold_what_is_promised(
    project: Path, tmp_path: Path
) -> None:
    for name in ("a.zip", "b.zip"):
        assert call("archive", str(RESULTS), "--out", str(tmp_path / name)).exit_code == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with ZipFile(tmp_path / "a.zip") as file:
        names = file.namelist()
        resolved = yaml.safe_load(file.read("parameters/resolved.yaml"))
        packages = json.loads(file.read("environment.json"))["packages"]
    assert len(names) == len(set(names))
    assert {"Snakefile", "params.yaml", "constraints.txt", "envs/policy.yaml", "code.json",
            "results/demo/tables/scoring.provenance.json", "data/demo_content/source.json",
            "results/demo/predictions/grpo/demo_content.parquet",
            "models/demo/grpo/policy/provenance.json"} <= set(names)  # fmt: skip
    assert not [name for name in names if name.endswith((".mp4", ".safetensors", "labels.csv"))]
    assert resolved["scale"] == "demo"
    assert "numpy" in packages


def git(*words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *who, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=clean)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    """Make `folder` a repository with one empty commit; returns its hash."""
    git("init", "-q", str(folder))
    # Equal messages in the same second would be equal commits.
    git("-C", str(folder), "commit", "-q", "--allow-empty", "-m", f"first of {folder}")
    return git("-C", str(folder), "rev-parse", "HEAD")


def code_of(out: Path) -> dict[str, Any]:
    assert call("archive", str(RESULTS), "--out", str(out)).exit_code == 0
    with ZipFile(out) as file:
        code: dict[str, Any] = json.loads(file.read("code.json"))
    return code


def test_the_revision_on_record_is_that_of_the_project_s_own_repository(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program_or_skip("git")
    other = commit(tmp_path / "other")
    enclosing = commit(project.parent)
    assert code_of(tmp_path / "a.zip")["revision"] is None
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(project))
    code = code_of(tmp_path / "b.zip")
    assert (code["revision"], code["changed"]) == (None, None)
    own = commit(project)
    assert own not in (other, enclosing)
    code = code_of(tmp_path / "c.zip")
    assert code["revision"] == own
    assert "?? params.yaml" in code["changed"]


def test_a_checkout_s_own_published_results_are_archived_where_they_lie(
    project: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = project / "src" / "vqathinker"
    (package / "reporting").mkdir(parents=True, exist_ok=True)
    for file in (root / "src" / "vqathinker" / "reporting").glob("*.csv"):
        shutil.copy(file, package / "reporting" / file.name)
    monkeypatch.setattr("vqathinker.reporting.provenance._PACKAGE", package)
    assert call("archive", str(RESULTS), "--out", str(tmp_path / "a.zip")).exit_code == 0
    with ZipFile(tmp_path / "a.zip") as file:
        assert "src/vqathinker/reporting/published.csv" in file.namelist()


def test_an_archive_is_a_crate_of_a_run_of_the_workflow(project: Path, tmp_path: Path) -> None:
    call("archive", str(RESULTS), "--out", str(tmp_path / "a.zip"))
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
    root = crate.root_dataset.properties()
    assert {"name", "description", "datePublished", "license", "hasPart"} <= set(root)
    with ZipFile(tmp_path / "a.zip") as file:
        parts = set(file.namelist()) - {"ro-crate-metadata.json"}
    assert {part["@id"] for part in root["hasPart"]} == parts
    assert not {"author", "creator"} & set(root)


def test_an_archive_outside_of_a_project_says_what_it_needs(project: Path) -> None:
    Path("Snakefile").unlink()
    done = call("archive", str(RESULTS), "--out", "a.zip")
    assert done.exit_code == 1
    assert "no Snakefile" in done.stderr
