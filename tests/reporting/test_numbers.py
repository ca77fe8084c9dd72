"""Numbers of tables as JSON files, and how DVC shows them."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.programs import program_or_skip

from vqathinker.evaluation.preference import ALL_KINDS
from vqathinker.reporting.figures import write_curves, write_preference_figure, write_scatters
from vqathinker.reporting.formats import write_table
from vqathinker.reporting.numbers import write_numbers
from vqathinker.reporting.plot_data import scored_videos
from vqathinker.reporting.scores import (
    UNDERSTANDING_COLUMNS,
    preference_table,
    read_preference,
)

ROWS = "results/demo/numbers/runs"


@pytest.fixture
def tables(scale) -> Path:
    """Tables of scores, preference and questions."""
    write_table(preference_table(read_preference([preference(scale.root)])), scale.tables)
    main = pd.read_csv(scale.tables / "main.csv", dtype=str, keep_default_na=False)
    ours = main["ours"] == "yes"  # perfect scores have no intervals
    main.loc[ours, ["srcc_low", "srcc_high"]] = ["0.900000000", "0.990000000"]
    main.to_csv(scale.tables / "main.csv", index=False)
    accuracy = {"run": "grpo", "task": "made", "measure": "accuracy", "n": 8, "value": 0.25}
    rows = [
        accuracy | {"part": "overall"},
        accuracy | {"part": "type", "name": "blur", "value": 1.0},
    ]
    rows.append({"run": "base", "task": "made", "measure": "accuracy", "part": "overall"})
    for name, lines in (("attribution", rows), ("understanding", [])):
        table = pd.DataFrame(lines, columns=list(UNDERSTANDING_COLUMNS)).astype({"n": "Int64"})
        table.to_csv(scale.tables / f"{name}.csv", index=False)
    return scale.tables


def preference(folder: Path) -> Path:
    kind = {
        "n": 6, "n_no_score": 1, "ties": 0.5,
        "preference": {"value": 0.75, "low": 0.5, "high": 1.0, "reason": None},
        "difference": {"value": 0.1, "low": 0.0, "high": 0.2},
    }  # fmt: skip
    about = {"run": "grpo", "benchmark": "seen", "score": "greedy", "provenance": "c0ffee" * 10}
    path = folder / "preference.json"
    path.write_text(json.dumps({**about, "kinds": {ALL_KINDS: kind}}), encoding="utf-8")
    return path


@pytest.fixture
def dvc(root: Path, tables: Path, tmp_path: Path) -> Callable[..., str]:
    """Runs DVC in a git repository that has only these results."""
    program_or_skip("git")
    project = tmp_path / "project"
    text = (root / "dvc.yaml").read_text(encoding="utf-8")
    results = project / "results" / "demo"
    write_numbers(tables, results / "numbers")
    (project / "dvc.yaml").write_text(text[text.index("\nmetrics:") :], encoding="utf-8")
    (project / "params.yaml").write_text("scale: demo\n", encoding="utf-8")

    def run(*command: str, program: str = "dvc") -> str:
        path = Path(sys.executable).with_name(program)
        name = str(path) if path.exists() else program
        done = subprocess.run(
            [name, *command], cwd=project, check=False, stdout=-1, stderr=-2, text=True
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("init", "-q", program="git")
    run("init", "-q")
    shutil.copytree(root / ".dvc" / "plots", project / ".dvc" / "plots")
    run("add", ".", program="git")
    name = ("-c", "user.name=Me", "-c", "user.email=me@example.org")
    run(*name, "commit", "-qm", "numbers", program="git")
    return run


def read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / "runs" / name).read_text(encoding="utf-8"))


def test_files_have_only_the_numbers_of_the_tables(tables, tmp_path):
    out = tmp_path / "numbers"
    number = write_numbers(tables, out)
    assert number == sum(path.is_file() for path in out.rglob("*"))
    main = pd.read_csv(tables / "main.csv").query("ours == 'yes' and score == 'greedy'")
    for row in main.query("method == 'grpo'").to_dict("records"):
        place = row["benchmark"].replace(", equal", "-equal").replace(" ", "-")
        name = f"{place}-{row['domain']}" if place.startswith("average") else place
        numbers = read(out, f"grpo/scores/{name}.json")
        assert numbers == {key: row[key] for key in numbers}
        assert {"n", "srcc", "plcc"} <= set(numbers)
    numbers = read(out, "grpo/scores/seen.json")
    assert (numbers["srcc_low"], numbers["srcc_high"], numbers["n"]) == (0.9, 0.99, 12)
    assert "plcc_low" not in numbers
    numbers = read(out, f"grpo/preference/seen/{ALL_KINDS}.json")
    assert numbers == {"n": 6, "value": 0.75, "low": 0.5, "high": 1.0}
    assert read(out, "grpo/attribution/made/accuracy.json") == {"n": 8, "value": 0.25}
    assert not (out / "runs" / "base" / "attribution").exists()


def test_dvc_shows_and_compares_numbers(dvc, tmp_path):
    output = dvc("metrics", "show", "--precision", "9")
    assert not re.search(r"[0-9a-f]{12}", output)
    lines = {line.split()[0]: line.split()[1:] for line in output.splitlines()[1:]}
    numbers = read(tmp_path / "project" / "results" / "demo" / "numbers", "grpo/scores/seen.json")
    assert lines[f"{ROWS}/grpo/scores/seen.json"].count(str(numbers["srcc"])) >= 1
    assert f"{ROWS}/grpo/attribution/made/accuracy.json" in lines

    path = tmp_path / "project" / ROWS / "grpo" / "scores" / "seen.json"
    path.write_text(json.dumps(numbers | {"srcc": numbers["srcc"] - 0.5}), encoding="utf-8")
    changed = json.loads(dvc("metrics", "diff", "--json"))
    assert list(changed) == [f"{ROWS}/grpo/scores/seen.json"]
    assert changed[f"{ROWS}/grpo/scores/seen.json"]["srcc"]["diff"] == pytest.approx(-0.5)


def test_dvc_plots_curves_and_pictures_without_a_network(dvc, finished, scale):
    figures = scale.root.parent / "project" / "results" / "demo" / "figures"
    write_curves(finished.histories, figures)
    write_scatters(scored_videos(finished.predictions, finished.manifests), figures)
    write_preference_figure([scale.root / "preference.json"], figures)
    dvc("plots", "show", "-o", "plots")
    page = figures.parents[2] / "plots" / "index.html"
    text = page.read_text(encoding="utf-8")
    for column in ("reward", "kl", "failures", "length"):
        assert f'"y": {{"field": "{column}"' in text
    assert '"color": {"field": "run"' in text
    assert "<DVC_METRIC" not in text
    pictures = re.findall(r'<img src="([^"]+)"', text)
    assert {name.rsplit("_figures_", 1)[1] for name in pictures} == {
        "training_curve.png", "preference.png", "scatter_grpo.png"
    }  # fmt: skip
    assert all((page.parent / name).is_file() for name in pictures)
