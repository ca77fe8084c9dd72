"""Every benchmark runs at its smallest size and writes the report that all of them share."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = {
    "decode.py": ["--quick"],
    "storage.py": ["--quick"],
    "rewards.py": ["--quick"],
    "evaluate.py": ["--quick"],
    "score.py": ["--quick"],
    "gpu/policy.py": ["--tiny", "--clips", "1", "--tokens", "4"],
}
SHARED = {"what", "ratios", "seconds", "counts", "machine", "versions"}


@pytest.mark.parametrize("script", SMALL)
def test_it_runs_and_reports(root: Path, tmp_path: Path, script: str) -> None:
    out = tmp_path / "report.json"
    command = [sys.executable, root / "benchmarks" / script, *SMALL[script]]
    done = subprocess.run(
        [*command, "--repeats", "1", "--output", out], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text(encoding="utf-8"))
    assert set(report) >= SHARED
    assert report["ratios"]
    assert report["seconds"]


def test_no_benchmark_is_left_out(root: Path) -> None:
    folder = root / "benchmarks"
    scripts = {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}
    assert scripts - {"stage.py", "made_videos.py"} == set(SMALL)  # of decode.py
