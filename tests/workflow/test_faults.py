"""What a user sees after a full disk, Ctrl-C or a missing library."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.workflow.disks import on_disk
from typer.testing import CliRunner

from vqathinker.cli import app

pytestmark = pytest.mark.workflow


def tried(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, capture_output=True, text=True)


def absent(root: Path, out: Path) -> list[str]:
    """A command that writes one file from parameters alone."""
    words = ["absent", "base", "demo_content", "--lacking", "demo_content"]
    return [*words, "--params", str(root / "params.yaml"), "--out", str(out)]


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_a_command_on_such_a_disk_leaves_no_file(root, tmp_path, disk):
    out = tmp_path / "results"
    out.mkdir()
    command = [sys.executable, "-m", "vqathinker", *absent(root, out / "metrics.json")]
    done = tried([*on_disk(disk, out), *command])
    assert done.returncode in {1, 2}
    (line,) = done.stderr.splitlines()
    assert str(out / "metrics.json") in line
    assert done.stdout.split() == ["left:", *(["fill"] if disk == "full" else [])]


def test_ctrl_c_ends_a_run_with_its_jobs_and_leaves_nothing_half_written(quick):
    quick.hold("manifest")
    run = quick.start("snakemake", "--cores", "1", "data/demo_content/manifest.parquet")
    quick.wait_until_held(run)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait() != 0
    assert not (quick.folder / "data" / "demo_content" / "manifest.parquet").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((quick.folder / "pid.txt").read_text()), 0)


def test_ctrl_c_in_a_command_is_one_line_and_exit_code_130(monkeypatch, root, tmp_path):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("vqathinker.evaluation.metrics.write_missing_set_metrics", pressed)
    done = CliRunner().invoke(app, absent(root, tmp_path / "metrics.json"))
    assert done.exit_code == 130
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_ffmpeg_names_the_extra_that_brings_it(root, tmp_path):
    code = (
        "import sys; sys.modules['imageio_ffmpeg'] = None\n"
        "from vqathinker.cli import app\n"
        "app(sys.argv[1:])"
    )
    out = tmp_path / "source"
    words = ["data", "fetch", "demo_content", "--params", str(root / "params.yaml")]
    words += ["--out", str(out), "--receipt", str(tmp_path / "source.json")]
    done = tried([sys.executable, "-c", code, *words])
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "imageio_ffmpeg" in line
    assert "vqathinker[data]" in line
    assert not out.exists()
