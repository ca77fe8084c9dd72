"""`vqathinker data status`, `check` and `new`, as a user meets them."""

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


def test_the_table_of_the_paper_fits_a_terminal_and_no_address_is_broken(run: Run) -> None:
    result = run("status", scale="paper")
    assert result.exit_code == 0
    table, steps = result.output.split("\nlsvq_train: ")
    assert all(len(line) <= 80 for line in table.splitlines())
    for words in (("lsvq_train", "open", "73.0 GB", "28,056"), ("cgvds", "manual", "?", "357")):
        assert any(all(word in line for word in words) for line in table.splitlines())
    [live] = [line for line in steps.splitlines() if line.startswith("live_vqc: ")]
    assert "data/live_vqc/downloads/" in live
    assert live.endswith("then `vqathinker data fetch live_vqc`")


def test_disk_needed_stands_beside_disk_free(run: Run) -> None:
    last = run("status", scale="paper").output.splitlines()
    [disk] = [line for line in last if line.startswith("Disk: ")]
    assert "401 GB needed" in disk
    assert "free" in disk
    assert "nobody published (?): live_vqc, youtube_ugc" in disk


def test_a_disk_that_is_too_small_is_said_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from vqathinker.datasets import inventory

    for free, said in ((10**12, False), (10**9, True)):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr(inventory.shutil, "disk_usage", lambda place, usage=usage: usage)
        assert ("too small" in run("status", scale="paper").output) is said


def test_status_is_of_a_scale_of_named_sets_or_of_all(run: Run) -> None:
    assert "konvid_1k" not in run("status").output
    assert "demo_train" in run("status").output
    named = run("status", "maxwell").output
    assert "maxwell" in named
    assert "demo_train" not in named
    assert "q_bench_video" in run("status", "--all").output


def test_no_value_of_a_secret_is_shown(run: Run) -> None:
    before = run("status", "finevd").output
    environment = {"HF_TOKEN": "hf_do_not_show"}
    after = run("status", "finevd", **environment).output
    assert "into the variable HF_TOKEN" in before
    assert "HF_TOKEN" not in after
    assert "hf_do_not_show" not in after


def test_a_set_that_is_not_there_fails_its_check(run: Run) -> None:
    result = run("check", "vdpve", scale="paper")
    assert result.exit_code == 1
    assert result.output.startswith("vdpve: 3 problems\n  data/vdpve/source.json: not there; ")


def test_an_own_set_goes_from_its_labels_to_a_check_that_passes(
    run: Run, tmp_path: Path, root: Path
) -> None:
    (tmp_path / "mine.csv").write_text("clip,score\na/1.mp4,3.5\n", encoding="utf-8")
    said = run("new", "mine", "--labels", "mine.csv", "--scale", "0", "10")
    assert said.exit_code == 0, said.output
    assert "data.out_of_distribution, and data.counts.mine: 1" in said.output
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
    assert "a/1.mp4 is " in checked.output
    assert "mine: 1 problems" in checked.output


def test_an_own_name_that_is_taken_is_refused_without_a_traceback(run: Run) -> None:
    result = run("new", "vdpve")
    assert result.exit_code == 1
    assert "'vdpve' has a card already" in result.output
    assert "Traceback" not in result.output


def test_an_own_set_needs_a_role_that_exists(run: Run) -> None:
    assert run("new", "mine", "--role", "understanding").exit_code == 2
