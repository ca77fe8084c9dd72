"""A run that was killed at any moment gives the same bytes when it is repeated.

With VQATHINKER_CHAOS=1 (`make chaos`) the tiny project is killed at every point; without it, a
run with the stand-in is killed at four points.
"""

import json
import os
import random
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
ENABLED = "VQATHINKER_CHAOS" in os.environ
SLOW = pytest.mark.skipif(
    not ENABLED, reason="takes ten minutes of processor time; `make chaos` runs it"
)
if ENABLED:  # long enough for slow and busy machines
    pytestmark = [pytestmark, pytest.mark.timeout(4 * 3600)]

SEED = int(os.environ.get("VQATHINKER_CHAOS_SEED", "1"))
COMMAND = ("snakemake", "--cores", "2", "--configfile", "tiny.yaml", "small_batches.yaml")
HOOK = Path(__file__).with_name("chaos")
# See chaos/sitecustomize.py. A command is killed at a random time of at most `within_s` seconds.
POINTS = {
    "data, at random": {"command": "fetch", "within_s": 6},
    "data, folder of videos": {"path": r"data/demo_\w+/source$"},
    "data, receipt in json": {"path": r"source\.json$"},
    "data, manifest in parquet": {"path": r"manifest\.parquet$"},
    "clips, at random": {"command": "decode", "within_s": 6},
    "clips, at random again": {"command": "decode", "within_s": 6},
    "clips, shard in safetensors": {"path": r"clips/.*\.safetensors$"},
    "clips, perturbations in parquet": {"path": r"perturbations\.parquet$"},
    "base, folder of a policy": {"path": r"models/base/demo$"},
    "training, at random": {"command": "train", "within_s": 12},
    "training, at random again": {"command": "train", "within_s": 12},
    "training, checkpoint": {"path": r"checkpoints/checkpoint-\d$"},
    "training, history in csv": {"path": r"history\.csv$"},
    "training, exported policy": {"path": r"demo/grpo/policy$"},
    "evaluation, at random": {"command": "predict", "within_s": 9},
    "evaluation, at random again": {"command": "predict", "within_s": 9},
    "evaluation, copies at random": {"command": "predict-perturbed", "within_s": 9},
    "evaluation, predictions in parquet": {"path": r"/0000\.parquet$"},
    "evaluation, metrics in json": {"path": r"metrics/grpo/\w+\.json$"},
    "report, table in csv": {"path": r"tables/scoring\.csv$"},
    "report, at random": {"command": "figures", "within_s": 5},
    "report, figure in png": {"path": r"figures/\w+\.png$"},
    "report, page in html": {"path": r"report\.html$"},
}


def read_files(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def results_of(project) -> dict[str, bytes]:
    """Results and exported policies, without Snakemake's time stamps of folders."""
    found = read_files(project.folder / "results")
    policies = (project.folder / "models" / "demo").glob("*/policy")
    found |= {f"{p}/{name}": b for p in policies for name, b in read_files(p).items()}
    return {
        name.removeprefix(str(project.folder)): content
        for name, content in found.items()
        if not name.endswith(".snakemake_timestamp")
    }


def kill_at_next(project, points: dict[str, dict], draw: random.Random) -> tuple[str, str] | None:
    """Kill a run at the first of the points that it reaches; return that point and the signal."""
    how, part = draw.choice([signal.SIGKILL, signal.SIGTERM]), draw.random()
    project.hold(json.dumps(points))
    run = project.start(*COMMAND)
    if (name := project.wait_until_held(run)) is None:
        return None
    pause = part * points[name].get("within_s", 0)
    time.sleep(pause)
    project.kill(run, how)
    sys.stdout.write(f"seed {SEED}: {how.name} {pause:.2f} s after: {name}\n")
    return name, how.name


@pytest.fixture(scope="module")
def make_project(root, tmp_path_factory, copy_project):
    def make(name: str):
        project = copy_project(tmp_path_factory.mktemp(name), [])
        shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
        batches = '{"scales": {"demo": {"evaluation": {"batch_size": 4}}}}'
        (project.folder / "small_batches.yaml").write_text(batches, encoding="utf-8")
        paths = [str(HOOK), *filter(None, [os.environ.get("PYTHONPATH")])]
        project.environment["PYTHONPATH"] = os.pathsep.join(paths)
        return project

    return make


@pytest.fixture(scope="module")
def undisturbed(make_project):
    project = make_project("undisturbed")
    project.run(*COMMAND)
    return project


@pytest.fixture(scope="module")
def killed(make_project):
    """The project after a run that was killed at every point; `signals` has the signal of each."""
    project = make_project("killed")
    draw, project.signals, remaining = random.Random(SEED), {}, dict(POINTS)
    while remaining and (killed := kill_at_next(project, remaining, draw)):
        project.signals[killed[0]] = killed[1]
        del remaining[killed[0]]
    project.release()
    project.run(*COMMAND)
    return project


def test_results_with_the_stand_in_are_the_same_after_four_kills(project, demo_run):
    draw = random.Random(SEED)
    for point in ("fetch", "decode half", "train half", "tables"):
        project.hold(point)
        run = project.start("snakemake", "--cores", "2")
        assert project.wait_until_held(run)
        project.kill(run, how := draw.choice([signal.SIGKILL, signal.SIGTERM]))
        sys.stdout.write(f"seed {SEED}: {how.name} in {point}\n")
    before = project.calls()
    project.snakemake()
    after = project.calls()
    assert results_of(project) == results_of(demo_run[0])
    assert before["train"] + after["train"] == 2  # the one that was killed, and the repeated one
    assert after["fetch"] == 0
    assert "Nothing to be done" in project.snakemake()


@SLOW
def test_results_are_those_of_an_undisturbed_run(undisturbed, killed):
    expected, found = results_of(undisturbed), results_of(killed)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


@SLOW
def test_most_points_were_reached(killed):
    sys.stdout.write(f"not reached: {POINTS.keys() - killed.signals.keys()}\n")
    assert len(killed.signals) >= 20
    assert set(killed.signals.values()) == {"SIGKILL", "SIGTERM"}
    assert {name.partition(",")[0] for name in killed.signals} == {
        *("data", "clips", "base", "training", "evaluation", "report")
    }


@SLOW
def test_no_temporary_files_remain(killed):
    names = [path.name for part in ("data", "clips", "models", "predictions", "results")
             for path in (killed.folder / part).rglob(".*")]  # fmt: skip
    assert [n for n in names if re.search(r"\.(part|journal|rows|lock|before)$", n)] == []
    assert ".unfinished" not in names
    assert "Nothing to be done" in killed.run(*COMMAND)
