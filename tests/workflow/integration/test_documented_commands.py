"""Commands of README, tutorials and linked pages work when typed line by line in one folder.

The demo has the size of tests/workflow/tiny.yaml and one ablation. Files that a page shows with a
title are written. `EXCLUDED` has the commands that cannot run here, with the reason.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.test_documentation_commands import ROOT, blocks_of
from tests.workflow.conftest import CopyProject, Project

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
NETWORK = "needs the network; tests/acquisition and the rehearsal use local servers"
REHEARSAL = "needs the data of the paper and GPUs; `make rehearsal` runs it on stand-ins"
EXCLUDED = {
    "make test": "runs this test",
    "snakemake --workflow-profile workflow/profiles/slurm --config scale=paper": REHEARSAL,
    "vqathinker plan --scale paper --gpu H100 --rates logs/train/paper/grpo.times.csv": REHEARSAL,
    "vqathinker summary results/paper": REHEARSAL,
    "find . -name '*.mkv' -print0 | vqathinker score - -0 --policy authors": NETWORK,
    "vqathinker data fetch konvid_1k": NETWORK,
    "snakemake --cores all --configfile released.yaml"
    " -- results/paper/metrics/released/konvid_1k.json": NETWORK,
    "vqathinker policy import kkkkkklinhan/InternVL3-VQAThinker-8B"
    " --output models/released": NETWORK,
    "vqathinker policy describe models/released": NETWORK,
    "pip install 'vqathinker[serve]'": NETWORK,
    "vqathinker serve": "runs until it is stopped; see tests/serving",
}
TITLED_BLOCK = re.compile(r'(?ms)^```\w+ title="([^"]+)"\n(.*?)^```$')


@pytest.fixture(scope="module")
def clone(copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """An installed fresh clone of the project with some videos."""
    project = copy_project(tmp_path_factory.mktemp("typed"), [])
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
def test_commands_of_a_page_succeed(clone: Project, page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, content in TITLED_BLOCK.findall(text):
        (clone.folder / name).write_text(content, encoding="utf-8")
    for block in blocks_of(ROOT / page):
        if lines := [line for line in block if line not in EXCLUDED]:
            clone.run("bash", "-euxo", "pipefail", "-c", "\n".join(lines))


def test_outputs_that_the_pages_promise_exist(clone: Project):
    """Needs the other tests of this file to have run."""
    for path in ("results/demo/report.html", "demo.zip", "scores.csv", "film.svg"):
        assert (clone.folder / path).stat().st_size > 100, path
    scoring = (clone.folder / "results/demo/tables/scoring.csv").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^grpo,mine,", scoring)
