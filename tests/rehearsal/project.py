"""A copy of the project in a folder of its own, at the scale of a rehearsal."""

# ruff: noqa: T201  what commands say is shown while they say it

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import yaml
from filelock import BaseFileLock, FileLock, Timeout
from tests.rehearsal.archives import Made, load_made, make_archives
from tests.rehearsal.origins import HF_TOKEN, Origins, environment_of
from tests.rehearsal.policies import make_policies
from tests.rehearsal.scale import PREFIX, with_rehearsals
from tests.rehearsal.sets import SETS, counts

__all__ = ["ROOT", "TASK_SETS", "Done", "Project", "copy_sources", "prepare"]

ROOT = Path(__file__).parents[2]
_PARTS = (
    "constraints.txt",
    "Snakefile",
    "dvc.yaml",
    "workflow",
    "profiles",
    "envs",
    "src",
    "cards",
)

# Sets of questions, which the workflow asks about once they are there.
TASK_SETS = ("finevd", "maxwell", "q_bench_video")
_PASSWORDS = {"live_vqc": "LIVE_VQC_PASSWORD", "live_yt_hfr": "LIVE_YT_HFR_PASSWORD"}


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    said: str


@dataclass
class Project:
    """The copy, the servers that it asks, and the files that they have.

    Attributes:
        folder: where commands run.
        environment: with which they run; secrets that a person would have to ask for among them.
        lock: which keeps other rehearsals out of the folder above.
        slurm: whether jobs go to a cluster, under the shipped profile.
    """

    folder: Path
    made: Made
    origins: Origins
    environment: dict[str, str]
    lock: BaseFileLock
    scale: str = PREFIX
    slurm: bool = False

    def run(self, *command: str) -> Done:
        """Run a command there; what it says is shown and returned."""
        print("$", *command, flush=True)
        running = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = []
        for line in running.stdout or ():
            print(line, end="", flush=True)
            said.append(line)
        return Done(running.wait(), "".join(said))

    def run_quietly(self, *command: str, at: Path | None = None) -> Done:
        """Run a command there, or in another folder, and return what it says."""
        done = subprocess.run(
            command, check=False, cwd=at or self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return Done(done.returncode, done.stdout)

    def snakemake(self, *targets: str) -> Done:
        """What a person types, at this scale, with targets."""
        return self.run(*self._typed(targets))

    def _typed(self, targets: Sequence[str]) -> list[str]:
        door = ["--cores", str(os.cpu_count() or 1)]
        if self.slurm:
            door = ["--workflow-profile", "workflow/profiles/slurm"]
        return ["snakemake", *door, "--config", f"scale={self.scale}", "--", *targets]

    def drop(self) -> None:
        """What a person does with archives that came by mail: put them into `downloads`."""
        for card, files in self.made.dropped.items():
            downloads = self.folder / "data" / card / "downloads"
            downloads.mkdir(parents=True, exist_ok=True)
            for name, path in files.items():
                if not (downloads / name).exists():
                    shutil.copy(self.made.folder / path, downloads / name)

    def secrets(self) -> dict[str, str]:
        """Passwords and the token, by the variables in which they are looked for."""
        found = {variable: SETS[card].password or "" for card, variable in _PASSWORDS.items()}
        return found | {"HF_TOKEN": HF_TOKEN}


def prepare(folder: Path, scale: str = PREFIX, name: str = "project") -> Project:
    """Make what is not there yet, bring the copy of the sources up to date, start the server."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise SystemExit(
            f"a rehearsal is at work in {folder}: wait for it, or name another --folder"
        ) from None
    origin, policies = folder / "origin", folder / "policies"
    made = load_made(origin)
    if made is None:
        shutil.rmtree(origin, ignore_errors=True)
        made = make_archives(origin)
    make_policies(policies)
    origins = Origins(folder, made, policies)
    origins.thread.start()
    home = folder / "home"
    project = Project(folder / name, made, origins, {}, lock, scale)
    project.environment = _environment(project, environment_of(origins, home))
    copy_sources(project.folder)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params = with_rehearsals(params, counts(), f"{origins.url('')}/v1") | {"scale": scale}
    text = yaml.dump(params, Dumper=_Plain, sort_keys=False, allow_unicode=True)
    _write(project.folder / "params.yaml", text)
    stand_ins = json.dumps(made.stand_ins(counts()), indent=1)
    (project.folder / PREFIX).mkdir(exist_ok=True)
    _write(project.folder / PREFIX / "stand-ins.json", stand_ins)
    return project


class _Plain(yaml.SafeDumper):
    """Without anchors: rows that several scales share are written out."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _environment(project: Project, asked: dict[str, str]) -> dict[str, str]:
    """Variables under which commands run; no proxy or login of the user's among them."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and name != "HF_TOKEN"}  # fmt: skip
    own = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(project.folder / "src"),
        "OMP_NUM_THREADS": "1",
    }
    return kept | asked | own | project.secrets()


def copy_sources(folder: Path) -> None:
    """Copy what Snakemake needs to `folder`, params.yaml not among it."""
    folder.mkdir(parents=True, exist_ok=True)
    left_out = shutil.ignore_patterns("__pycache__", "keys", ".snakemake")
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=left_out, dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / part, folder / part)


def _write(path: Path, text: str) -> None:
    """Leave the file, and its time, as it is where nothing changes."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
