"""One of the paper's sets alone, as published but for its size, through scale paper to its row.

Twelve made videos under the names of KoNViD-1k, whose label file is cut to them; a tiny policy.
"""

import csv
import html
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.training.conftest import AUTHORS, write_talking_policy

from vqathinker.video.ffmpeg import ffmpeg_binary

# The limit ends what hangs; it is hours, so that no machine is too slow or too busy for it.
pytestmark = [
    pytest.mark.workflow,
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(
        "VQATHINKER_ONE_SET" not in os.environ,
        reason="takes a minute of processor time; VQATHINKER_ONE_SET=1 runs it",
    ),
]

LABELS = "Konvid-1k_total_ds_score.json"
# The first rows of that file.
MOS = {
    "8129160337.mp4": "62.400",
    "5003956763.mp4": "71.969",
    "8955950667.mp4": "73.200",
    "10116604143.mp4": "61.600",
    "8152764264.mp4": "62.800",
    "12099271596.mp4": "48.000",
    "12682619933.mp4": "64.800",
    "8751538577.mp4": "88.000",
    "8995404511.mp4": "75.965",
    "4834450895.mp4": "34.800",
    "7198853624.mp4": "72.000",
    "5418971855.mp4": "53.600",
}
SETTINGS = {
    "download.bring": "nothing",
    "scale": "paper",
    "scales.paper.data.counts.konvid_1k": len(MOS),
    "scales.paper.clips": {"test_setting": "6x56", "shard_size": len(MOS)},
    "scales.paper.base": {"name": "tiny", "kind": "policy", "repo": "tiny", "revision": "main"},
    "answer": AUTHORS,  # the policy says digits now and then, and no tags
    "scales.paper.evaluation.max_new_tokens": 6,
    "scales.paper.evaluation.score": "mean",
    "scales.paper.device": "cpu",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory, copy_with, tiny_base, tiny_clips):
    """The project after `snakemake` with that set in place and nothing else."""
    parent = tmp_path_factory.mktemp("one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(parent / "my project" / "src"))  # where the card is cut
        project = copy_with(parent, [])
    write_talking_policy(tiny_base, tiny_clips, project.folder / "tiny")
    for keys, value in SETTINGS.items():
        project.change(keys, value)
    cut_card(project.folder / "src/vqathinker/datasets/cards/konvid_1k.yaml")
    put_in_place(project.folder / "data" / "konvid_1k" / "source")
    project.said = project.snakemake()
    return project


def cut_card(path: Path) -> None:
    """The hash of a label file is that of all 1,200 rows, and so is the other one's number."""
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    card["expected"], card["labels"] = len(MOS), card["labels"][:1]
    labels, _, archive = card["files"]
    card["files"] = [{"name": labels["name"], "urls": labels["urls"]}, archive]
    path.write_text(yaml.safe_dump(card), encoding="utf-8")


def put_in_place(source: Path) -> None:
    """Videos below `videos/` as the archive has them, noisier where the MOS is lower."""
    videos = source / "videos" / "KoNViD_1k_videos"
    videos.mkdir(parents=True)
    rows = [{"image_id": name, "ann_type": "score", "score": mos} for name, mos in MOS.items()]
    (source / LABELS).write_text(json.dumps({"annotations": rows}), encoding="utf-8")
    for name, mos in MOS.items():
        noise = f"testsrc2=size=96x54:rate=24:duration=1,noise=alls={100 - float(mos):.0f}:allf=t"
        made = ["-f", "lavfi", "-i", noise, "-pix_fmt", "yuv420p", str(videos / name)]
        subprocess.run([ffmpeg_binary(), "-loglevel", "error", *made], check=True)


def table(project, name: str) -> list[dict[str, str]]:
    path = project.folder / "results" / "paper" / "tables" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_set_has_its_row_and_all_others_are_empty(project):
    rows = {(row["run"], row["benchmark"]): row for row in table(project, "scoring")}
    assert len(rows) == 20
    there = rows.pop(("base", "konvid_1k"))
    assert (there["n"], there["n_missing"], there["n_damaged"]) == ("12", "0", "0")
    assert -1 <= float(there["srcc"]) <= 1
    assert {row["srcc"] for row in rows.values()} == {""}
    assert all(row["n_missing"] == row["n"] for row in rows.values())


def test_averages_say_that_they_are_over_one_set(project):
    first = table(project, "overall")[0]
    assert (first["run"], first["domain"]) == ("base", "in-domain")
    assert (first["benchmarks_scored"], first["benchmarks"]) == ("1", "5")
    assert (first["n_scored"], first["n"]) == ("12", str(7182 + 3573 + 12 + 585 + 1020))


def test_it_is_said_what_is_missing_and_what_brings_it(project):
    assert "So these are not trained: grpo, " in project.said
    named = {row["set"]: row["reason"] for row in table(project, "not_there")}
    assert len(named) == 10
    assert "`vqathinker data fetch live_vqc`" in named["live_vqc"]
    page = (project.folder / "results" / "paper" / "report.html").read_text(encoding="utf-8")
    assert all(html.escape(reason) in page for reason in named.values())
