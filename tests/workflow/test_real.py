"""`make real`: the demo's policies on real videos, here on small generated ones."""

import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from tests.workflow.conftest import Project
from tests.workflow.test_snakefile import planned_jobs

from vqathinker.evaluation.predictions import read_predictions
from vqathinker.video.ffmpeg import ffmpeg_binary

pytestmark = pytest.mark.workflow

RESULTS = Path("results") / "real"
SPLITS = ("real-grpo", "real-grpo-seed43")
COUNT = 9  # videos, of which tiny.yaml holds out 4


def write_videos(folder: Path, count: int = COUNT) -> Path:
    """Noise of different strength, as a folder with videos/ and manifest.csv."""
    (folder / "videos").mkdir(parents=True)
    lines = ["file,mos"]
    for number in range(count):
        picture = f"testsrc2=size=128x128:rate=10:duration=1.2,noise=alls={9 * number}"
        path = folder / "videos" / f"{number}.mp4"
        make = [ffmpeg_binary(), "-v", "error", "-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p"]
        subprocess.run([*make, str(path)], check=True)
        lines.append(f"{number}.mp4,{5 - 4 * number / count}")
    (folder / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("real") / "my videos")


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_without_videos_make_says_what_it_expects(
    project: Project, root: Path, folder: str
) -> None:
    shutil.copy(root / "Makefile", project.folder)
    # -o: the environment need not be created
    command = ("make", "-o", ".venv/.ready", "real", f"VIDEOS={folder}")
    code, output = project.run_unchecked(*command)
    assert code != 0
    assert all(word in output for word in ("VIDEOS", "videos/", "manifest.csv", "mos"))
    assert not project.calls()
    assert not (project.folder / "data").exists()


def run_real(project: Project, videos: Path, *options: str) -> str:
    return project.run("sh", "workflow/real.sh", str(videos), "--cores", "2", *options)


def test_only_what_changed_runs_again(project: Project, videos: Path, tmp_path: Path) -> None:
    """With the stand-in, on other videos and after a new policy of the demo."""
    run_real(project, videos)
    calls = project.calls()
    assert (calls["train"], calls["export"], calls["metrics"]) == (21, 21, 22)  # and the demo's
    assert not (project.folder / "results" / "demo").exists()
    run_real(project, videos)
    assert project.calls() == {"summary": 1}

    policy = project.folder / "models" / "demo" / "grpo" / "policy"
    (policy / "provenance.json").write_text(json.dumps({"policy": "other"}), encoding="utf-8")
    plan = project.snakemake(
        "--dry-run", "--config", "scale=real", f"data={{counts: {{konvid_mini: {COUNT}}}}}"
    )
    jobs = planned_jobs(plan)
    assert (jobs["base"], jobs["train"], jobs["metrics"]) == (1, 20, 21)  # not demo-base's
    assert "base/demo-grpo, because policy was" in plan

    run_real(project, other := shutil.copytree(videos, tmp_path / "other"))
    assert project.calls()["manifest"] == 1
    with (other / "videos" / "0.mp4").open("ab") as video:
        video.write(b"0")
    run_real(project, other)
    assert project.calls()["manifest"] == 1


@pytest.fixture(scope="module")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory, copy_project, videos: Path):
    project = copy_project(tmp_path_factory.mktemp("real"), [])
    shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
    return project, run_real(project, videos, "--configfile", "tiny.yaml")


def test_splits_are_trained_and_evaluated_on_different_videos(finished) -> None:
    folder = finished[0].folder
    held_out = []
    for run in SPLITS:
        policy = folder / "models" / "real" / run / "policy" / "provenance.json"
        record = json.loads(policy.read_text(encoding="utf-8"))["trained_on"]
        predicted = read_predictions(folder / RESULTS / "predictions" / run / "konvid_mini.parquet")
        assert sorted(predicted.table["video"]) == record["held_out"]
        assert (record["videos"], len(record["held_out"])) == (5, 4)
        held_out.append(record["held_out"])
    assert held_out[0] != held_out[1]


def test_results_have_zero_shot_rows_and_the_mean_over_splits(finished) -> None:
    project, output = finished
    rows = pd.read_csv(project.folder / RESULTS / "tables" / "scoring.csv")
    counts = dict(zip(rows["run"], rows["n"], strict=True))
    assert counts == {"demo-base": COUNT, "demo-grpo": COUNT, **dict.fromkeys(SPLITS, 4)}
    [splits] = pd.read_csv(project.folder / RESULTS / "tables" / "splits.csv").to_dict("records")
    assert (splits["row"], splits["after"], splits["splits"]) == ("real-grpo", "demo-grpo", 2)
    page = (project.folder / RESULTS / "report.html").read_text(encoding="utf-8")
    assert 'id="splits"' in page
    assert "2 splits" in output
    assert not (project.folder / "results" / "demo").exists()
    own = f"PYTHONPATH={project.folder / 'src'}"
    checked = project.run("env", own, "vqathinker", "verify", str(RESULTS))
    assert "splits.csv: agrees" in checked


def test_dvc_runs_all_stages_of_the_scale(project: Project, videos: Path) -> None:
    run_real(project, videos)
    project.calls()
    project.set_param("scale", "real")
    project.set_param("scales.real.data.counts.konvid_mini", COUNT)
    project.run("dvc", "init", "--no-scm", "--force")
    project.run("dvc", "repro")
    assert set(project.calls()) <= {"status"}  # which only prints
    assert "up to date" in project.run("dvc", "repro")
