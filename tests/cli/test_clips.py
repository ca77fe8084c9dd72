"""`decode` and `perturb` from the command line: what they write, and what they tell."""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.video.ffmpeg import ffmpeg_binary
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.store import ClipStore


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A manifest of a good video, one of three frames, one that is damaged, one that is gone."""
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
    """params.yaml with a time limit that nothing reaches here."""
    config["scales"]["demo"]["clips"]["timeout_s"] = 3600
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def run(command: str, source: Path, params: Path, out: str, *options: str) -> str:
    common = ["--params", str(params), "--setting", "6x32"]
    manifest = ["--manifest", str(source / "manifest.parquet"), "--out", str(source / out)]
    result = CliRunner().invoke(app, [command, *common, *manifest, *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_decode_writes_a_shard_and_tells_of_every_video_that_is_not_as_it_should_be(
    source: Path, params: Path
) -> None:
    options = ("--source", str(source), "--shard", "0", "--workers", "2")
    output = run("decode", source, params, "0000.safetensors", *options)
    assert "4 videos, 1 of them could not be decoded" in output
    assert "bad.mp4: no_container, no video container: text, not a video" in output
    assert "three.mp4: 3 frames, 6 are wanted: some stand twice" in output
    store = ClipStore([source / "0000.safetensors"])
    assert store.ids == ["good.mp4", "three.mp4"]
    assert store.failures["bad.mp4"].status == "no_container"


def test_decode_without_its_videos_ends_in_one_line_and_no_shard(
    source: Path, params: Path
) -> None:
    for name in ("good.mp4", "three.mp4"):
        (source / name).unlink()
    done = decode_under("RLIMIT_DATA", resource.RLIM_INFINITY, source, params)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"Error: {source} on ")
    assert "2 of 3 videos of this shard are gone since the manifest was made" in done.stderr
    assert not list(source.glob("*.safetensors"))


def test_decode_after_a_video_was_exchanged_says_to_make_the_manifest_again(
    source: Path, params: Path
) -> None:
    shutil.copy(source / "three.mp4", source / "good.mp4")
    done = decode_under("RLIMIT_DATA", resource.RLIM_INFINITY, source, params)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "it shows 3 frames, the manifest says 12; make the manifest again" in done.stderr
    assert not (source / "0000.safetensors").exists()


def test_perturb_draws_for_every_usable_video(source: Path, params: Path) -> None:
    output = run("perturb", source, params, "p.parquet")
    assert "64 perturbations of each of 3 videos" in output
    assert PerturbationTable(source / "p.parquet").get("good.mp4", 63).kind


UNDER_LIMIT = """
import resource, sys
resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]), int(sys.argv[2])))
del sys.argv[1:3]
from vqathinker.cli import app
app()
"""


def decode_under(
    limit: str, value: int, source: Path, params: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`vqathinker decode` in a process of its own, under a limit of the system."""
    options = {"params": params, "setting": "6x32", "shard": 0, "source": source}
    options |= {"manifest": source / "manifest.parquet", "out": source / "0000.safetensors"}
    command = [sys.executable, "-c", UNDER_LIMIT, limit, str(value), "decode"]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    environment = os.environ | environment
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_decode_works_with_a_long_name_of_the_temporary_folder(
    source: Path, params: Path, tmp_path: Path
) -> None:
    folder = tmp_path / (150 * "x")
    folder.mkdir()
    infinity = resource.RLIM_INFINITY
    done = decode_under("RLIMIT_DATA", infinity, source, params, TMPDIR=str(folder))
    assert done.returncode == 0, done.stderr
    assert ClipStore([source / "0000.safetensors"]).ids == ["good.mp4", "three.mp4"]


@pytest.mark.parametrize(("limit", "option"), [("RLIMIT_DATA", "-d"), ("RLIMIT_AS", "-v")])
@pytest.mark.parametrize("mib", [400, 1900])
def test_decode_without_enough_memory_ends_in_one_line_that_names_the_limit(
    source: Path, params: Path, limit: str, option: str, mib: int
) -> None:
    done = decode_under(limit, mib * 1024**2, source, params)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"Error: `ulimit -H {option}` allows a process {mib} MiB of ")
    assert "decoding needs 2000 MiB" in done.stderr
    assert not (source / "0000.safetensors").exists()
