"""What goes wrong in a long run, one after the other: each is told, repaired, and not done twice.

A server is down, a file is another one, a password is missing, the disk is full in decoding, a
training job is killed, a benchmark lacks a video. Every fault ends with words that say what to do.
"""

# ruff: noqa: T201  what it says is its result

import csv
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from tests.rehearsal.project import Done, Project

__all__ = ["rehearse_faults"]

_KONVID = "datasets.vqa.mmsp-kn.de/archives/KoNViD_1k_videos.zip"
_CGVDS = "CGVDS_total_score.json"
_PASSWORD = "LIVE_YT_HFR_PASSWORD"  # noqa: S105  the variable's name
_RUN = "grpo"


def rehearse_faults(project: Project) -> list[str]:
    """Go through all faults in a project that has nothing yet; what was not as it should be."""
    shorten_training(project)
    project.drop()
    wrong: list[str] = []
    for fault in (_sources, _full_disk, _killed_training, _incomplete_benchmark):
        print(f"=== {(fault.__doc__ or '').splitlines()[0]}", flush=True)
        found = [f"{fault.__name__}: {line}" for line in fault(project)]
        print(*(found or ["=== as it should be"]), sep="\n", flush=True)
        wrong += found
    return wrong


def shorten_training(project: Project) -> None:
    """Three steps of four videos, so that a kill falls between two of them."""
    change(project, "training", {"gradient_accumulation": 1, "max_steps": 3})


def change(project: Project, section: str, values: dict[str, object]) -> None:
    """What a person edits in params.yaml, at the scale of the rehearsal."""
    path = project.folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["scales"][project.scale].setdefault(section, {}).update(values)
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def _sources(project: Project) -> Iterator[str]:
    """A server is down, a label file is another one, a password is missing."""
    site = project.origins
    cgvds = next(path for path in site.files if path.endswith(_CGVDS))
    konvid, labels = site.files[_KONVID], site.files[cgvds]
    whole, konvid.always = labels.content, site.status(503)
    labels.content = whole[:-2] + b" }"
    password = project.environment.pop(_PASSWORD)
    done = project.snakemake("data")
    yield from _told(
        done,
        ("503", "Run the same command again later", "put it to"),
        ("has sha256", "expected", "it is damaged, or its owner has changed it"),
        (_PASSWORD, "run the same command again"),
    )
    stuck = {"konvid_1k", "cgvds", "live_yt_hfr"}
    there = {path.parent.name for path in (project.folder / "data").glob("*/source.json")}
    if there & stuck or len(there) != 8:
        yield f"expected every set but {sorted(stuck)}, found {sorted(there)}"
    konvid.always, labels.content = None, whole
    project.environment[_PASSWORD] = password
    site.asked.clear()
    yield from _goes_on(project.snakemake("data"))
    again = sorted({asked.path for asked in site.asked if not _is_of(asked.path, stuck)})
    if again:
        yield f"asked for again, although it had come: {', '.join(again)}"


def _is_of(path: str, sets: set[str]) -> bool:
    marks = {"konvid_1k": ("mmsp-kn", "Konvid", "KoNViD"), "cgvds": ("CGVDS",),
             "live_yt_hfr": ("utexas.box.com", "live_hfr", "LIVE-HFR")}  # fmt: skip
    return any(mark in path for name in sets for mark in marks[name])


def _full_disk(project: Project) -> Iterator[str]:
    """The disk is full while videos are decoded."""
    clips = project.folder / "clips" / "konvid_1k"
    setting = yaml.safe_load((project.folder / "params.yaml").read_text(encoding="utf-8"))
    size = setting["scales"][project.scale]["clips"]["test_setting"]
    target = f"clips/konvid_1k/{size}/0000.safetensors"
    with _small_disk(clips) as mounted:
        if not mounted:
            print("left out: mounting a small disk takes root", flush=True)
            return
        yield from _told(
            project.snakemake(target), ("No space left on device", "see to the disk", "start again")
        )
    yield from _goes_on(project.snakemake(target))


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """A disk of 300 kB at `folder`; False where it cannot be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "rehearsal", str(folder)]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def _killed_training(project: Project) -> Iterator[str]:
    """A training job is killed after its first checkpoint."""
    folder = project.folder / "models" / project.scale / _RUN
    history = f"models/{project.scale}/{_RUN}/history.csv"
    running = project.start_snakemake(history)
    first = folder / "checkpoints" / "checkpoint-1"
    _wait_for(lambda: (first / "trainer_state.json").is_file() or running.poll() is not None)
    killed = _kill_training(project)
    code = running.wait()
    if not killed or code == 0:
        yield f"{killed} processes killed, exit code {code}, expected some and a failure"
        return
    written = first.stat().st_mtime_ns
    yield from _goes_on(project.snakemake(history))
    if first.is_dir() and first.stat().st_mtime_ns != written:
        yield f"{first} was written again"
    with (project.folder / history).open(encoding="utf-8") as file:
        steps = [row["step"] for row in csv.DictReader(file)]
    if steps != ["1", "2", "3"]:
        yield f"{history} has steps {steps}, expected 1, 2, 3, each once"


def _kill_training(project: Project) -> int:
    """Kill the processes that train in this project, by their ids, as an exhausted memory would."""
    killed = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            here = (entry / "cwd").resolve() == project.folder
        except OSError:
            continue
        if here and f"vqathinker train {_RUN}" in command and "bash" not in command:
            os.kill(int(entry.name), signal.SIGKILL)
            killed += 1
    return killed


def _incomplete_benchmark(project: Project) -> Iterator[str]:
    """A benchmark lacks a video that was withdrawn."""
    predicted = f"results/{project.scale}/predictions/base/youtube_ugc.parquet"
    metrics = f"results/{project.scale}/metrics/base/youtube_ugc.json"
    change(project, "metrics", {"allow_incomplete": False})
    yield from _told(
        project.snakemake(metrics),
        ("1 of them without a video", "metrics.allow_incomplete: true in params.yaml"),
    )
    if not (project.folder / predicted).is_file():
        yield f"{predicted} was not made"
        return
    written = (project.folder / predicted).stat().st_mtime_ns
    change(project, "metrics", {"allow_incomplete": True})
    yield from _goes_on(project.snakemake(metrics))
    if (project.folder / predicted).stat().st_mtime_ns != written:
        yield f"{predicted} was made again"


def _told(done: Done, *messages: tuple[str, ...]) -> Iterator[str]:
    """What of the messages a run that has to fail did not say."""
    if done.code == 0:
        yield "the run succeeded, expected it to fail"
    said = " ".join(done.said.split())
    yield from (
        f"does not say {part!r}" for parts in messages for part in parts if part not in said
    )


def _goes_on(done: Done) -> Iterator[str]:
    if done.code:
        yield f"after the repair the same command ends with {done.code}"


def _wait_for(what: Callable[[], bool]) -> None:
    while not what():
        time.sleep(0.2)
