"""Benchmarks whose data set is missing become empty rows; all other jobs run."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.workflow.test_snakefile import REPORT_CALLS, REPORT_JOBS, planned_jobs

pytestmark = pytest.mark.workflow

SMALL: dict[str, Any] = {
    "download": {"fetch": "nothing"},
    "scale": "paper",
    "scales": {
        "paper": {
            "data": {"in_domain": ["konvid_1k"], "out_of_distribution": ["live_yt_gaming"]},
            "preference": {"benchmarks": ["konvid_1k"]},
        }
    },
}


def add_video(folder: Path, name: str) -> None:
    """Put a video where a user puts it."""
    videos = folder / "data" / name / "source" / "videos"
    videos.mkdir(parents=True)
    (videos / "1.mp4").touch()


def test_an_added_or_removed_set_reruns_only_its_own_jobs_and_the_report(project):
    add_video(project.folder, "konvid_1k")
    own = project.folder / "own.yaml"
    own.write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    output = project.snakemake("--configfile", "own.yaml")
    missing, not_trained = re.search(r"(?s)(live_yt_gaming.*)Not trained: (.*)", output).groups()
    assert "lsvq_train" in missing
    assert "grpo, " in not_trained
    calls = project.calls()
    assert (calls["skip-missing"], calls["metrics"], calls["fetch"], calls["train"]) == (3, 1, 1, 0)
    assert "Nothing to be done" in project.snakemake("--configfile", "own.yaml")

    add_video(project.folder, "live_yt_gaming")
    project.snakemake("--configfile", "own.yaml")
    scored = {
        "fetch": 1,
        "manifest": 1,
        "decode": 3,
        "predict": 3,
        "merge-predictions": 1,
        "metrics": 1,
    }
    scored |= {"thumbnails": 1}
    # The reason of the run that still has no training data changes.
    assert project.calls() == scored | REPORT_CALLS | {"status": 1, "skip-missing": 1}

    shutil.rmtree(project.folder / "data" / "live_yt_gaming")
    plan = project.snakemake("--dry-run", "--configfile", "own.yaml")
    assert planned_jobs(plan) == {"skip_missing": 2, "all": 1} | REPORT_JOBS
