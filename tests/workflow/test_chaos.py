"""Killed at any moment, the same command ends in the same bytes, and little is done twice.

With VQATHINKER_CHAOS=1 (`make chaos`) the tiny project is killed at every point; without it the
stand-in, at four of them.
"""

import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
WANTED = "VQATHINKER_CHAOS" in os.environ
LONG = pytest.mark.skipif(
    not WANTED, reason="takes ten minutes of processor time; `make chaos` runs it"
)
if WANTED:  # the limit ends what hangs; no machine is too slow or too busy for hours
    pytestmark = [pytestmark, pytest.mark.timeout(4 * 3600)]

SEED = int(os.environ.get("VQATHINKER_CHAOS_SEED", "1"))
COMMAND = ("snakemake", "--cores", "2", "--configfile", "tiny.yaml", "small_batches.yaml")
HOOK = Path(__file__).with_name("chaos")
# See chaos/sitecustomize.py; `within_s` is how long a command goes on before the kill, at most.
POINTS = {
    "data, at random": {"command": "fetch", "within_s": 6},
    "data, folder of videos": {"path": r"data/demo_\w+/source$"},
    "data, receipt in json": {"path": r"source\.json$"},
    "data, manifest in parquet": {"path": r"manifest\.parquet$"},
    "clips, at random": {"command": "decode", "within_s": 6},
    "clips, second video of a worker": {"work": "decode", "nth": 2},
    "clips, shard in safetensors": {"path": r"clips/.*\.safetensors$"},
    "clips, perturbations in parquet": {"path": r"perturbations\.parquet$"},
    "base, folder of a policy": {"path": r"models/base/demo$"},
    "evaluation, second batch of copies": {"work": "perturbed", "nth": 2},
    "training, at random": {"command": "train", "within_s": 12},
    "training, second step": {"work": "train", "nth": 2},
    "training, checkpoint": {"path": r"checkpoints/checkpoint-\d$"},
    "training, last step": {"work": "train", "nth": 4},
    "training, history in csv": {"path": r"history\.csv$"},
    "training, exported policy": {"path": r"demo/grpo/policy$"},
    "evaluation, at random": {"command": "predict", "within_s": 9},
    "evaluation, second batch": {"work": "predict", "nth": 2},
    "evaluation, predictions in parquet": {"path": r"/0000\.parquet$"},
    "evaluation, metrics in json": {"path": r"metrics/grpo/\w+\.json$"},
    "report, table in csv": {"path": r"tables/scoring\.csv$"},
    "report, at random": {"command": "figures", "within_s": 5},
    "report, figure in png": {"path": r"figures/\w+\.png$"},
    "report, page in html": {"path": r"report\.html$"},
}
SAVE_EVERY = 2  # of tests/workflow/tiny.yaml


def bytes_below(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def results_of(project) -> dict[str, bytes]:
    """Results and exported policies; Snakemake's own time stamps of folders are no result."""
    found = bytes_below(project.folder / "results")
    policies = (project.folder / "models" / "demo").glob("*/policy")
    found |= {f"{p}/{name}": b for p in policies for name, b in bytes_below(p).items()}
    return {
        name.removeprefix(str(project.folder)): content
        for name, content in found.items()
        if not name.endswith(".snakemake_timestamp")
    }


def kill_at_next(project, points: dict[str, dict], draw: random.Random) -> tuple[str, str] | None:
    """Run to the first of the points and kill the process group; which one, and the signal."""
    how, part = draw.choice([signal.SIGKILL, signal.SIGTERM]), draw.random()
    project.hold(json.dumps(points))
    run = project.start(*COMMAND)
    held = project.folder / "held.txt"
    while not (held.exists() and held.stat().st_size):
        if run.poll() is not None:
            return None
        time.sleep(0.02)
    name = held.read_text(encoding="utf-8")
    pause = part * points[name].get("within_s", 0)
    time.sleep(pause)
    project.kill(run, how)
    held.unlink()
    sys.stdout.write(f"seed {SEED}: {how.name} {pause:.2f} s behind: {name}\n")
    with (project.folder / "work.txt").open("a", encoding="utf-8") as work:
        work.write(f"kill {name}\n")
    return name, how.name


@pytest.fixture(scope="module")
def project_of(root, tmp_path_factory, copy_with):
    def make(name: str):
        project = copy_with(tmp_path_factory.mktemp(name), [])
        shutil.copy(root / "tests" / "workflow" / "tiny.yaml", project.folder)
        batches = '{"scales": {"demo": {"evaluation": {"batch_size": 4}}}}'
        (project.folder / "small_batches.yaml").write_text(batches, encoding="utf-8")
        paths = [str(HOOK), *filter(None, [os.environ.get("PYTHONPATH")])]
        project.environment["PYTHONPATH"] = os.pathsep.join(paths)
        return project

    return make


@pytest.fixture(scope="module")
def whole(project_of):
    """The project after a run that nobody disturbed."""
    project = project_of("whole")
    project.run(*COMMAND)
    return project


@pytest.fixture(scope="module")
def killed(project_of):
    """The project after a run that was killed at every point, and what came of each."""
    project = project_of("killed")
    draw, project.came, left = random.Random(SEED), {}, dict(POINTS)
    while left and (killed := kill_at_next(project, left, draw)):
        project.came[killed[0]] = killed[1]
        del left[killed[0]]
    (project.folder / "hold.txt").unlink(missing_ok=True)
    project.run(*COMMAND)
    return project


def work_of(project) -> list[str]:
    return (project.folder / "work.txt").read_text(encoding="utf-8").splitlines()


def redone(lines: list[str]) -> dict[str, Counter[str]]:
    """By kill, the pieces of each kind of work that were through before it and done again later."""
    lost: dict[str, Counter[str]] = {}
    last: dict[str, int] = {}
    for number, line in enumerate(lines):
        word, _, piece = line.partition(" ")
        if word != "done":
            continue
        if piece in last:
            kills = [each[5:] for each in lines[last[piece] : number] if each.startswith("kill ")]
            lost.setdefault(kills[0] if kills else "no kill", Counter())[piece.split()[0]] += 1
        last[piece] = number
    return lost


def test_a_stand_in_that_is_killed_four_times_ends_in_the_same_results(quick, finished_once):
    draw = random.Random(SEED)
    for point in ("fetch", "decode half", "train half", "metrics"):
        quick.hold(point)
        run = quick.start("snakemake", "--cores", "2")
        quick.wait_until_held(run)
        quick.kill(run, how := draw.choice([signal.SIGKILL, signal.SIGTERM]))
        sys.stdout.write(f"seed {SEED}: {how.name} in {point}\n")
    before = quick.calls()
    quick.snakemake()
    after = quick.calls()
    assert results_of(quick) == results_of(finished_once[0])
    assert before["train"] + after["train"] == 2  # the one that was killed, and another
    assert after["fetch"] == 0
    assert "Nothing to be done" in quick.snakemake()


@LONG
def test_the_results_are_those_of_an_undisturbed_run(whole, killed):
    expected, found = results_of(whole), results_of(killed)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


@LONG
def test_twenty_points_and_more_were_come_to(killed):
    sys.stdout.write(f"not come to: {POINTS.keys() - killed.came.keys()}\n")
    assert len(killed.came) >= 20
    assert set(killed.came.values()) == {"SIGKILL", "SIGTERM"}
    assert {name.partition(",")[0] for name in killed.came} == {
        *("data", "clips", "base", "training", "evaluation", "report")
    }


@LONG
def test_a_kill_loses_the_shard_batch_or_steps_that_it_interrupts(whole, killed):
    assert redone(work_of(whole)) == {}
    lost = redone(work_of(killed))
    sys.stdout.write(f"done again: {lost}\n")
    # Between a file's name and Snakemake's note of it the whole job is done again.
    jobs = Counter(" ".join(line.split()[1:-1]) for line in work_of(whole) if line[:4] == "done")
    at_once = 2
    for kill, pieces in lost.items():
        assert pieces["train"] <= SAVE_EVERY, kill
        for kind in ("decode", "predict", "perturbed"):
            largest = max(number for job, number in jobs.items() if job.startswith(kind))
            assert pieces[kind] <= at_once * largest, (kill, kind)


@LONG
def test_nothing_is_left_over(killed):
    names = [path.name for part in ("data", "clips", "models", "predictions", "results")
             for path in (killed.folder / part).rglob(".*")]  # fmt: skip
    assert [n for n in names if re.search(r"\.(part|journal|rows|lock|before)$", n)] == []
    assert ".unfinished" not in names
    assert "Nothing to be done" in killed.run(*COMMAND)
