"""A copy of the project in its own folder, at the scale of a rehearsal."""

# ruff: noqa: T201  commands are shown while they run

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.rehearsal.archives import MANUAL, make_archives, stand_ins
from tests.rehearsal.origins import HF_TOKEN, Origins, environment_of
from tests.rehearsal.policies import make_policies
from tests.rehearsal.scale import PREFIX, with_rehearsals
from tests.rehearsal.sets import SETS
from tests.workflow.conftest import copy_sources

from vqathinker.atomic import whole_folder

ROOT = Path(__file__).parents[2]

# Data sets of questions. The workflow asks them if they are present.
TASK_SETS = ("finevd", "maxwell", "q_bench_video")
_PASSWORDS = {"live_vqc": "LIVE_VQC_PASSWORD", "live_yt_hfr": "LIVE_YT_HFR_PASSWORD"}


@dataclass
class Project:
    """The copy and its servers.

    Attributes:
        folder: where commands run.
        environment: variables of commands, including passwords and tokens.
        slurm: whether jobs run on a cluster, with the shipped profile.
    """

    folder: Path
    origins: Origins
    environment: dict[str, str]
    scale: str
    slurm: bool

    def run(self, *command: str) -> int:
        """Run a command there and return its exit code."""
        print("$", *command, flush=True)
        return subprocess.run(
            command, check=False, cwd=self.folder, env=self.environment
        ).returncode

    def snakemake(self, *targets: str) -> int:
        how = ["--cores", str(os.cpu_count() or 1)]
        if self.slurm:
            how = ["--workflow-profile", "workflow/profiles/slurm"]
        return self.run("snakemake", *how, "--config", f"scale={self.scale}", "--", *targets)

    def add_manual_files(self) -> None:
        """Put files that a user has to request into `downloads`."""
        origin = self.folder.parent / "origin"
        for card in (origin / MANUAL).iterdir():
            downloads = self.folder / "data" / card.name / "downloads"
            if not downloads.exists():
                shutil.copytree(card, downloads)


def prepare(folder: Path, scale: str, *, slurm: bool) -> Project:
    """Make missing files in `folder`, update the copy of the sources, and start the server.

    Videos, labels and policies of an earlier rehearsal are kept; remove `folder` to replace them.
    """
    for name, make in (("origin", make_archives), ("policies", make_policies)):
        if not (folder / name).exists():
            with whole_folder(folder / name) as part:
                make(part)
    origins = Origins(folder)
    origins.thread.start()
    copy = copy_sources(ROOT, folder / ("slurm" if slurm else "project"))
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params = with_rehearsals(params, f"{origins.url('')}/v1") | {"scale": scale}
    text = yaml.dump(params, Dumper=_Plain, sort_keys=False, allow_unicode=True)
    (copy / "params.yaml").write_text(text, encoding="utf-8")
    (copy / PREFIX).mkdir(exist_ok=True)
    content = json.dumps(stand_ins(folder / "origin"), indent=1)
    (copy / PREFIX / "stand-ins.json").write_text(content, encoding="utf-8")
    return Project(copy, origins, _environment(copy, origins), scale, slurm)


class _Plain(yaml.SafeDumper):
    """Without anchors: rows that several scales share are repeated."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _environment(copy: Path, origins: Origins) -> dict[str, str]:
    """Variables of commands, without proxies and tokens of the user."""
    kept = {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and name != "HF_TOKEN"}  # fmt: skip
    secrets = {variable: SETS[card].password or "" for card, variable in _PASSWORDS.items()}
    own = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(copy / "src"),
        "OMP_NUM_THREADS": "1",
        "HF_TOKEN": HF_TOKEN,
    }
    return kept | environment_of(origins, copy.parent / "home") | own | secrets
