"""`decode` and `perturb` on the command line."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner, Result

from vqathinker.cli import app
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.store import ClipStore


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A manifest of a good video, one of three frames, a damaged and a missing one."""
    folder = tmp_path / "my videos"
    folder.mkdir()
    for name, frames in (("good.mp4", "12"), ("three.mp4", "3")):
        picture = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10")
        command = [ffmpeg_binary(), "-loglevel", "error", *picture, "-frames:v", frames]
        subprocess.run([*command, "-pix_fmt", "yuv420p", str(folder / name)], check=True)
    (folder / "bad.mp4").write_text("no video")
    names = ["good.mp4", "three.mp4", "bad.mp4", "gone.mp4"]
    status, frames = ["ok", "ok", "ok", "missing"], pd.array([12, 3, 12, None], dtype="Int64")
    rows = pd.DataFrame({"video": names, "file": names, "frames": frames, "status": status})
    rows.to_parquet(folder / "manifest.parquet")
    return folder


@pytest.fixture
def params(tmp_path: Path, config: dict[str, Any]) -> Path:
    """params.yaml with a time limit that these tests do not reach."""
    config["scales"]["demo"]["clips"]["timeout_s"] = 3600
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def invoke(command: str, source: Path, params: Path, out: str, *options: str) -> Result:
    common = ["--params", str(params), "--setting", "6x32"]
    manifest = ["--manifest", str(source / "manifest.parquet"), "--output", str(source / out)]
    return CliRunner().invoke(app, [command, *common, *manifest, *options])


def decode(source: Path, params: Path) -> Result:
    options = ("--source", str(source), "--shard", "0", "--workers", "2")
    return invoke("decode", source, params, "0000.safetensors", *options)


def test_decode_writes_a_shard_and_reports_faulty_videos(source: Path, params: Path) -> None:
    result = decode(source, params)
    assert result.exit_code == 0, result.output
    output = result.output
    assert "bad.mp4: no_container" in output
    assert "three.mp4: 3 frames" in output
    store = ClipStore([source / "0000.safetensors"])
    assert store.ids == ["good.mp4", "three.mp4"]
    assert store.failures["bad.mp4"].status == "no_container"


def test_decode_rejects_a_video_that_differs_from_the_manifest(source: Path, params: Path) -> None:
    shutil.copy(source / "three.mp4", source / "good.mp4")
    result = decode(source, params)
    assert result.exit_code == 1
    assert "manifest" in result.stderr
    assert not (source / "0000.safetensors").exists()


def test_perturb_includes_every_usable_video(source: Path, params: Path) -> None:
    result = invoke("perturb", source, params, "p.parquet")
    assert result.exit_code == 0, result.output
    assert PerturbationTable(source / "p.parquet").get("good.mp4", 63).kind


UNDER_LIMIT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20))
from vqathinker.cli import app
app()
"""


def test_decode_without_enough_memory_names_the_limit(source: Path, params: Path) -> None:
    options = {"params": params, "setting": "6x32", "shard": 0, "source": source}
    options |= {"manifest": source / "manifest.parquet", "output": source / "0000.safetensors"}
    command = [sys.executable, "-c", UNDER_LIMIT, "decode"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ulimit -H -d" in done.stderr
    assert not (source / "0000.safetensors").exists()
