"""Sets that are not there become empty rows, and everything else runs to the end."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.workflow.test_snakefile import REPORT, REPORTED, planned

pytestmark = pytest.mark.workflow

NOTHING = ("--config", "scale=paper", "download={fetch: nothing}")
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


def drop(folder: Path, name: str) -> None:
    """A video of a set, as a user puts it there."""
    videos = folder / "data" / name / "source" / "videos"
    videos.mkdir(parents=True)
    (videos / "1.mp4").touch()


def test_at_scale_paper_one_set_alone_is_brought_to_its_row(quick):
    drop(quick.folder, "konvid_1k")
    plan = quick.snakemake("--dry-run", *NOTHING)
    one = {"base": 1, "fetch": 1, "manifest": 1, "decode": 5, "predict": 5, "gather": 1}
    one |= {"metrics": 1, "perturbed": 5, "gather_perturbed": 1, "preference": 1}
    one |= {"draw_thumbnails": 1}
    assert planned(plan) == one | {"absent": 19, "all": 1} | REPORT
    assert "output: data/konvid_1k/source.json" in plan
    assert "output: results/paper/predictions/base/konvid_1k.parquet" in plan


def test_a_set_that_comes_later_redoes_what_depends_on_it_and_one_that_goes_its_row(quick):
    drop(quick.folder, "konvid_1k")
    own = quick.folder / "own.yaml"
    own.write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    said = quick.snakemake("--configfile", "own.yaml")
    assert "download.fetch is nothing" in said
    assert ": live_yt_gaming." in said
    assert ": lsvq_train. Not trained: grpo, " in said
    calls = quick.calls()
    assert (calls["absent"], calls["metrics"], calls["fetch"], calls["train"]) == (3, 1, 1, 0)
    assert "Nothing to be done" in quick.snakemake("--configfile", "own.yaml")

    drop(quick.folder, "live_yt_gaming")
    quick.snakemake("--configfile", "own.yaml")
    scored = {"fetch": 1, "manifest": 1, "decode": 3, "predict": 3, "gather": 1, "metrics": 1}
    scored |= {"thumbnails": 1}
    # The run that still lacks its training set has another reason now.
    assert quick.calls() == scored | REPORTED | {"status": 1, "absent": 1}

    shutil.rmtree(quick.folder / "data" / "live_yt_gaming")
    plan = quick.snakemake("--dry-run", "--configfile", "own.yaml")
    assert planned(plan) == {"absent": 2, "all": 1} | REPORT
