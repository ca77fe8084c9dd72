"""Commands on a full or read-only disk, after Ctrl-C, and without ffmpeg."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.programs import program_or_skip
from typer.testing import CliRunner

from vqathinker.cli import app

pytestmark = pytest.mark.workflow

MOUNTS = {
    "full": 'mount -t tmpfs -o size=16k tmpfs "{0}" && dd if=/dev/zero of="{0}/fill" bs=1k',
    "read-only": 'mount --bind "{0}" "{0}" && mount -o remount,ro,bind "{0}" && cd .',
}


def mounted(kind: str, folder: Path) -> list[str]:
    """Arguments before a command that mount such a disk at `folder` for that command only.

    After the output of the command follows a line `files:` with the files on the disk.
    """
    mount = MOUNTS[kind].format(folder)
    script = f'({mount}) 2> /dev/null; "$@"; code=$?; echo files: $(ls -A "{folder}"); exit $code'
    prefix = [program_or_skip("unshare"), "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*prefix, "mount -t tmpfs tmpfs /mnt"], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        pytest.skip("this machine does not allow tests to mount a disk")
    return [*prefix, script, "sh"]


def run_command(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, check=False, capture_output=True, text=True)


def command_with_one_output(root: Path, out: Path) -> list[str]:
    words = ["skip-missing", "base", "demo_content", "--missing", "demo_content"]
    return [*words, "--params", str(root / "params.yaml"), "--output", str(out)]


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_a_command_on_a_disk_without_space_leaves_no_file(root, tmp_path, disk):
    out = tmp_path / "results"
    out.mkdir()
    command = command_with_one_output(root, out / "metrics.json")
    done = run_command([*mounted(disk, out), sys.executable, "-m", "vqathinker", *command])
    assert done.returncode in {1, 2}
    (line,) = done.stderr.splitlines()
    assert str(out / "metrics.json") in line
    assert done.stdout.split() == ["files:", *(["fill"] if disk == "full" else [])]


def test_ctrl_c_ends_a_run_and_its_jobs_and_leaves_no_partial_file(project):
    project.hold("manifest")
    run = project.start("snakemake", "--cores", "1", "data/demo_content/manifest.parquet")
    job = int(project.wait_until_held(run))
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait() != 0
    assert not (project.folder / "data" / "demo_content" / "manifest.parquet").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)


def test_ctrl_c_in_a_command_gives_one_line_and_exit_code_130(monkeypatch, root, tmp_path):
    def press(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("vqathinker.evaluation.metrics.write_missing_set_metrics", press)
    done = CliRunner().invoke(app, command_with_one_output(root, tmp_path / "metrics.json"))
    assert done.exit_code == 130
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_ffmpeg_names_its_extra(root, tmp_path):
    code = (
        "import sys; sys.modules['imageio_ffmpeg'] = None\n"
        "from vqathinker.cli import app\n"
        "app(sys.argv[1:])"
    )
    out = tmp_path / "source"
    words = ["data", "fetch", "demo_content", "--params", str(root / "params.yaml")]
    words += ["--output", str(out), "--receipt", str(tmp_path / "source.json")]
    done = run_command([sys.executable, "-c", code, *words])
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "imageio_ffmpeg" in line
    assert "vqathinker[data]" in line
    assert not out.exists()
