"""A copy of the project in which Snakemake and DVC may run; its path holds a blank."""

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

PARTS = (
    *(
        "constraints.txt",
        "Snakefile",
        "params.yaml",
        "dvc.yaml",
        ".dvcignore",
        "workflow",
        "profiles",
        "envs",
    ),
    *("src", "cards"),
)
STAND_IN = Path(__file__).with_name("stand_in.py")


class Project:
    """The project's files in a folder of their own, and ways to run and to change it."""

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
        """Output of a command that succeeds."""
        code, output = self.tried(*command)
        assert code == 0, f"{' '.join(command)}\n{output}"
        return output

    def tried(self, *command: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        done = subprocess.run(command, check=False, **self._how(), stdout=subprocess.PIPE)
        return done.returncode, done.stdout

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own; its output is lost."""
        how = self._how() | {"stdout": subprocess.DEVNULL, "start_new_session": True}
        self.started.append(subprocess.Popen(command, **how))
        return self.started[-1]

    def kill(self, run: "subprocess.Popen[str]", how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the process group of a run, and wait until it has ended.

        Snakemake sometimes survives SIGTERM, as it waits for a job that is dead. Batch systems send
        SIGKILL after a while, and so does this.
        """
        os.killpg(run.pid, how)
        try:
            run.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()

    def end_all(self) -> None:
        """End runs that were started and are still alive, because a test failed."""
        for run in self.started:
            if run.poll() is None:
                self.kill(run)

    def hold(self, command: str) -> None:
        """Let the stand-in wait in a command, for the run to be killed there."""
        (self.folder / "hold.txt").write_text(command, encoding="utf-8")

    def wait_until_held(self, run: "subprocess.Popen[str]") -> None:
        """Until the stand-in waits; the run must not have ended before."""
        held = self.folder / "held.txt"
        while not held.exists():
            assert run.poll() is None, "the run ended before it came to the command"
            time.sleep(0.05)
        held.unlink()
        (self.folder / "hold.txt").unlink()

    def _how(self) -> dict[str, Any]:
        how = {"cwd": self.folder, "env": self.environment, "text": True}
        return how | {"stderr": subprocess.STDOUT}

    def snakemake(self, *args: str) -> str:
        return self.run("snakemake", "--cores", "2", *args)

    def calls(self) -> Counter[str]:
        """How often each command ran since the last question; only with the stand-in."""
        log = self.folder / "calls.txt"
        lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
        log.unlink(missing_ok=True)
        return Counter(line.split()[0] for line in lines)

    def change(self, keys: str, value: Any) -> None:
        """Set a dotted key in params.yaml."""
        path = self.folder / "params.yaml"
        tree = top = yaml.safe_load(path.read_text(encoding="utf-8"))
        *parents, last = keys.split(".")
        for key in parents:
            tree = tree[key]
        tree[last] = value
        path.write_text(yaml.safe_dump(top, sort_keys=False), encoding="utf-8")

    def forget_snakemake(self) -> None:
        """What a fresh clone does not have, whatever `dvc pull` brings."""
        shutil.rmtree(self.folder / ".snakemake")
        shutil.rmtree(self.folder / "workflow" / "keys")


Copy = Callable[[Path, Iterable[Path]], Project]


def copy_of_sources(root: Path, folder: Path) -> Path:
    """The project's own files, none of those that it made."""
    folder.mkdir()
    left_out = shutil.ignore_patterns("__pycache__", "*.pyc", "keys", ".snakemake")
    for part in PARTS:
        source = root / part
        if source.is_symlink():
            (folder / part).symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, folder / part, ignore=left_out, symlinks=True)
        else:
            shutil.copy(source, folder / part)
    (folder / ".dvc").mkdir()
    shutil.copy(root / ".dvc" / "config", folder / ".dvc" / "config")
    shutil.copytree(root / ".dvc" / "plots", folder / ".dvc" / "plots")
    return folder


@pytest.fixture(scope="session")
def copy_with(root: Path) -> Copy:
    """Copies the project into a folder; its programs come before the real ones."""
    return lambda folder, programs: Project(copy_of_sources(root, folder / "my project"), programs)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program `vqathinker` that only pretends."""
    programs = tmp_path_factory.mktemp("programs")
    program = programs / "vqathinker"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return programs


@pytest.fixture
def quick(copy_with: Copy, tmp_path: Path, stand_in: Path) -> Iterator[Project]:
    """The project with the stand-in for its command line."""
    project = copy_with(tmp_path, [stand_in])
    yield project
    project.end_all()


@pytest.fixture(scope="session")
def finished_once(
    copy_with: Copy, tmp_path_factory: pytest.TempPathFactory, stand_in: Path
) -> tuple[Project, Counter[str]]:
    """A whole run of the demo with the stand-in, and the calls that it made."""
    project = copy_with(tmp_path_factory.mktemp("finished"), [stand_in])
    project.snakemake()
    return project, project.calls()


@pytest.fixture
def finished(
    finished_once: tuple[Project, Counter[str]], tmp_path: Path, stand_in: Path
) -> Project:
    """A copy of the project after that run, times and history included."""
    folder = tmp_path / "my project"
    shutil.copytree(finished_once[0].folder, folder, symlinks=True)
    return Project(folder, [stand_in])
