"""Copies of the project in which tests run Snakemake and DVC; their path has a space."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

SOURCES = ("constraints.txt", "Snakefile", "params.yaml", "dvc.yaml", ".dvcignore", "src", "cards")
SOURCES += ("workflow", "profiles", "envs", ".dvc/config", ".dvc/plots")
STAND_IN = Path(__file__).with_name("stand_in.py")


class Project:
    """A copy of the project, and functions that run or change it."""

    def __init__(self, folder: Path, programs: Iterable[Path]) -> None:
        self.folder = folder
        own = Path(sys.executable).parent
        cache = folder.parent / "cache"
        self.started: list[subprocess.Popen[str]] = []
        self.environment = os.environ | {
            "PATH": os.pathsep.join(map(str, [*programs, own, os.environ["PATH"]])),
            "XDG_CACHE_HOME": str(cache),
            "DVC_SITE_CACHE_DIR": str(cache / "dvc"),
            "DVC_NO_ANALYTICS": "1",
        }

    def run(self, *command: str) -> str:
        """Run a command that must succeed, and return its output."""
        code, output = self.run_unchecked(*command)
        assert code == 0, f"{' '.join(command)}\n{output}"
        return output

    def run_unchecked(self, *command: str) -> tuple[int, str]:
        """Run a command, and return its exit code and output."""
        done = subprocess.run(command, check=False, **self._options(), stdout=subprocess.PIPE)
        return done.returncode, done.stdout

    def start(self, *command: str, stdout: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        """Start a command in a new process group."""
        how = self._options() | {"stdout": stdout, "start_new_session": True}
        self.started.append(subprocess.Popen(command, **how))
        return self.started[-1]

    def kill(self, run: "subprocess.Popen[str]", how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the process group of a run, and wait until it has ended."""
        os.killpg(run.pid, how)
        try:
            run.wait(timeout=60)
        except subprocess.TimeoutExpired:
            # Snakemake sometimes survives SIGTERM because it waits for a dead job. Batch systems
            # then send SIGKILL, too.
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
        self.release()

    def kill_all(self) -> None:
        """Kill runs that a failed test has left."""
        for run in self.started:
            if run.poll() is None:
                self.kill(run)

    def hold(self, command: str) -> None:
        """Make the stand-in wait in this command until `release`."""
        (self.folder / "hold.txt").write_text(command, encoding="utf-8")

    def release(self) -> None:
        for name in ("hold.txt", "held.txt"):
            (self.folder / name).unlink(missing_ok=True)

    def wait_until_held(self, run: "subprocess.Popen[str]") -> str | None:
        """Wait until a command waits; return its SLURM job or process, or None if the run ended."""
        held = self.folder / "held.txt"
        while not (held.exists() and held.stat().st_size):
            if run.poll() is not None:
                return None
            time.sleep(0.05)
        return held.read_text(encoding="utf-8")

    def _options(self) -> dict[str, Any]:
        how = {"cwd": self.folder, "env": self.environment, "text": True}
        return how | {"stderr": subprocess.STDOUT}

    def snakemake(self, *args: str) -> str:
        return self.run("snakemake", "--cores", "2", *args)

    def read_calls(self) -> list[list[str]]:
        """Command line, SLURM job and GPUs of each call of the stand-in since the last time."""
        log = self.folder / "calls.txt"
        lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
        log.unlink(missing_ok=True)
        return [line.split("\t") for line in lines]

    def calls(self) -> Counter[str]:
        """Number of calls of each command since the last time."""
        return Counter(words.split()[0] for words, *_ in self.read_calls())

    def set_param(self, keys: str, value: Any) -> None:
        """Set a dotted key in params.yaml."""
        path = self.folder / "params.yaml"
        tree = top = yaml.safe_load(path.read_text(encoding="utf-8"))
        *parents, last = keys.split(".")
        for key in parents:
            tree = tree[key]
        tree[last] = value
        path.write_text(yaml.safe_dump(top, sort_keys=False), encoding="utf-8")


CopyProject = Callable[[Path, Iterable[Path]], Project]


def copy_sources(root: Path, folder: Path) -> Path:
    """Copy the source files of the project to `folder`, without outputs; overwrite old copies."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "keys", ".snakemake")
    for part in SOURCES:
        source, target = root / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, target, ignore=ignore, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
    return folder


@pytest.fixture(scope="session")
def copy_project(root: Path) -> CopyProject:
    """copy_project(folder, programs) copies the project and puts folders first in its PATH."""
    return lambda folder, programs: Project(copy_sources(root, folder / "my project"), programs)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in for the program `vqathinker`."""
    programs = tmp_path_factory.mktemp("programs")
    program = programs / "vqathinker"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return programs


@pytest.fixture
def project(copy_project: CopyProject, tmp_path: Path, stand_in: Path) -> Iterator[Project]:
    """A fresh copy of the project with the stand-in."""
    project = copy_project(tmp_path, [stand_in])
    yield project
    project.kill_all()


@pytest.fixture(scope="session")
def demo_run(
    copy_project: CopyProject, tmp_path_factory: pytest.TempPathFactory, stand_in: Path
) -> tuple[Project, Counter[str]]:
    """The project after a run of the demo with the stand-in, and the calls of that run."""
    project = copy_project(tmp_path_factory.mktemp("finished"), [stand_in])
    project.snakemake()
    return project, project.calls()


@pytest.fixture
def finished_project(
    demo_run: tuple[Project, Counter[str]], tmp_path: Path, stand_in: Path
) -> Project:
    """A copy of `demo_run`, with file times and Snakemake's history."""
    folder = tmp_path / "my project"
    shutil.copytree(demo_run[0].folder, folder, symlinks=True)
    return Project(folder, [stand_in])
