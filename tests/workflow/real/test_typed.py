"""README, tutorials and where they lead, typed as they stand: every line, in order, in one folder.

The demo is as small as tests/workflow/tiny.yaml, with one ablation; files that a page shows with a
title are written as shown. What cannot be typed here stands in `ELSEWHERE`, with the reason.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.test_documentation_commands import ROOT, commands
from tests.workflow.conftest import Copy, Project

from vqathinker.phases.parameters import merge
from vqathinker.video.ffmpeg import ffmpeg_binary

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(3600)]

PAGES = (
    "docs/tutorials/demo.md",
    "README.md",
    "docs/provenance.md",
    "docs/score.md",
    "docs/tutorials/own-set.md",
    "docs/tutorials/cluster.md",
    "docs/tutorials/released-weights.md",
)
NETWORK = "wants what is on the web; tests/acquisition and the rehearsal have servers of their own"
REHEARSAL = "wants the paper's data and GPUs; `make rehearsal` runs it on stand-ins"
ELSEWHERE = {
    "make test": "is what runs this",
    "snakemake --workflow-profile workflow/profiles/slurm --config scale=paper": REHEARSAL,
    "vqathinker plan --scale paper --gpu H100 --rates logs/train/paper/grpo.times.csv": REHEARSAL,
    "vqathinker summary results/paper": REHEARSAL,
    "find . -name '*.mkv' -print0 | vqathinker score - -0 --policy authors": NETWORK,
    "vqathinker data fetch konvid_1k": NETWORK,
    "snakemake --cores all --configfile released.yaml"
    " -- results/paper/metrics/released/konvid_1k.json": NETWORK,
    "vqathinker policy import kkkkkklinhan/InternVL3-VQAThinker-8B --out models/released": NETWORK,
    "vqathinker policy describe models/released": NETWORK,
    "pip install 'vqathinker[serve]'": NETWORK,
    "vqathinker serve": "runs until it is stopped; tests/serving",
}
TITLED = re.compile(r'(?ms)^```\w+ title="([^"]+)"\n(.*?)^```$')


@pytest.fixture(scope="module")
def typed(copy_with: Copy, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project as in a fresh clone, installed, with videos of a reader's own beside it."""
    project = copy_with(tmp_path_factory.mktemp("typed"), [])
    folder = project.folder
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    params, tiny = (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / "params.yaml", ROOT / "tests" / "workflow" / "tiny.yaml")
    )
    rows = params["scales"]["demo"]["runs"]
    params = merge(params, tiny)
    params["scales"]["demo"]["runs"] = {name: rows[name] for name in ("base", "grpo-no-temporal")}
    params["scales"]["demo"]["runs"]["grpo"] = {"train": True, "group": "main"}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / ".venv" / ".ready").touch()
    for name in ("my.mp4", "a.mp4", "b.mp4", "film.mkv", "clips/c.mp4"):
        make_video(folder / name)
    for name in ("street", "beach", "concert"):
        make_video(folder / "my-videos" / f"{name}.mp4")
    project.run("git", "init", "-q")
    for key, value in (("user.name", "Me"), ("user.email", "me@example.org")):
        project.run("git", "config", key, value)
    project.run("git", "add", ".")
    project.run("git", "commit", "-q", "-m", "a clone")
    return project


def make_video(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    picture = f"testsrc2=size=128x96:rate=12:duration=2,hue=h={len(path.stem) * 40}"
    made = ["-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", str(path)]
    subprocess.run([ffmpeg_binary(), "-loglevel", "error", *made], check=True)


@pytest.mark.parametrize("page", PAGES)
def test_every_line_does_what_it_should(typed: Project, page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, content in TITLED.findall(text):
        (typed.folder / name).write_text(content, encoding="utf-8")
    for block in commands(ROOT / page):
        if lines := [line for line in block if line not in ELSEWHERE]:
            typed.run("bash", "-euxo", "pipefail", "-c", "\n".join(lines))


def test_what_the_pages_promise_is_there(typed: Project):
    """After all of them; run this file as a whole."""
    for path in ("results/demo/report.html", "demo.zip", "scores.csv", "film.svg"):
        assert (typed.folder / path).stat().st_size > 100, path
    scoring = (typed.folder / "results/demo/tables/scoring.csv").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^grpo,mine,", scoring)
