"""`vqathinker data status`, `check` and `new`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from vqathinker.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `vqathinker data …` in an empty project with params.yaml at some scale."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str, scale: str = "demo", **environment: str) -> Result:
        text = yaml.safe_dump(config | {"scale": scale})
        (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
        return CliRunner().invoke(app, ["data", *args], env={"COLUMNS": "80"} | environment)

    return run


def test_the_status_of_the_paper_fits_a_terminal(run: Run) -> None:
    result = run("status", scale="paper")
    assert result.exit_code == 0
    table, steps = result.output.split("\nlsvq_train: ")
    assert all(len(line) <= 80 for line in table.splitlines())
    for words in (("lsvq_train", "open", "73.0 GB", "28,056"), ("cgvds", "manual", "?", "357")):
        assert any(all(word in line for word in words) for line in table.splitlines())
    [live] = [line for line in steps.splitlines() if line.startswith("live_vqc: ")]
    assert "data/live_vqc/downloads/" in live
    assert live.endswith("then `vqathinker data fetch live_vqc`")


def test_status_shows_the_scale_named_data_sets_or_all(run: Run) -> None:
    assert "konvid_1k" not in run("status").output
    assert "demo_train" in run("status").output
    named = run("status", "maxwell").output
    assert "maxwell" in named
    assert "demo_train" not in named
    assert "q_bench_video" in run("status", "--all").output


def test_status_does_not_print_secrets(run: Run) -> None:
    before = run("status", "finevd").output
    environment = {"HF_TOKEN": "hf_do_not_show"}
    after = run("status", "finevd", **environment).output
    assert "environment variable HF_TOKEN" in before
    assert "HF_TOKEN" not in after
    assert "hf_do_not_show" not in after


def test_a_new_data_set_from_labels_to_check(run: Run, tmp_path: Path, root: Path) -> None:
    (tmp_path / "mine.csv").write_text("clip,score\na/1,3.5\n", encoding="utf-8")
    options = ("--video-column", "clip", "--match", "any-ending", "--scale", "0", "10")
    created = run("new", "mine", "--labels", "mine.csv", *options)
    assert created.exit_code == 0, created.output
    assert "data.out_of_distribution, and data.counts.mine: 1" in created.output
    assert "put labels.csv and videos/ into data/mine/source/" in run("status", "mine").output

    source = tmp_path / "data" / "mine" / "source"
    (source / "videos" / "a").mkdir(parents=True)
    (tmp_path / "mine.csv").rename(source / "labels.csv")
    (source / "videos" / "a" / "1.mp4").write_text("no video")
    for command in ("fetch", "manifest"):
        done = run(command, "mine")
        assert done.exit_code == 0, done.output
    checked = run("check", "mine")
    assert checked.exit_code == 1
    assert "a/1 is " in checked.output
    assert "mine: 1 problems" in checked.output
