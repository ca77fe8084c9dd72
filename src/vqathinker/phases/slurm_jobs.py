"""Jobs that an earlier run left behind on a SLURM cluster.

A run that is killed leaves its jobs in the queue, and the next one would start them a second time,
on the same files. Nothing but the standard library, as the Snakefile calls it.
"""

import re
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from vqathinker.programs import find_program

_STARTED = Path(".snakemake/incomplete")  # a file for each output that was begun and not ended
_SLURM_LOGS = Path(".snakemake/slurm_logs")  # of the executor, once it was used
_RUN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_NAMED = 5


def jobs_left() -> dict[str, str]:
    """Jobs of runs of this folder that SLURM still knows as waiting or running: id to state.

    They have the folder and, as their name, the identifier that Snakemake gave the run. Nobody is
    asked where no output was begun and not ended.

    Raises:
        RuntimeError: SLURM does not answer, so nobody knows.
    """
    if not any(_STARTED.glob("**/*")) or find_program("squeue") is None:
        return {}
    asked = ["squeue", "--me", "--array", "--noheader", "--format=%i %T %j %Z"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    if done.returncode:
        if not _SLURM_LOGS.is_dir():
            return {}
        raise RuntimeError(
            "Whether SLURM still has jobs of an earlier run of this folder squeue does not say: "
            f"{done.stderr.strip()}. Start again when it answers; where none can be left, remove "
            f"{_SLURM_LOGS}."
        )
    rows = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    here = str(Path.cwd())
    return {job: state for job, state, run, at in rows if at == here and _RUN.search(run)}


def wait_for_jobs(jobs: dict[str, str], say: Callable[[str], None], pause_s: float = 5) -> None:
    """Wait until the jobs are over, whose results are then taken as they are."""
    say(f"{describe_left(jobs)} This run waits for their end and goes on with what they made.")
    while jobs_left():
        time.sleep(pause_s)


def describe_left(jobs: dict[str, str]) -> str:
    """Which jobs of an earlier run there are, and how to be rid of them.

    >>> print(describe_left({"7": "RUNNING"}))
    SLURM still has jobs of an earlier run of this folder: 7 (RUNNING); `scancel 7` ends them.
    """
    named = _listed([f"{job} ({state})" for job, state in sorted(jobs.items())])
    ends = f"`scancel {' '.join(sorted(jobs))}` ends them"
    return f"SLURM still has jobs of an earlier run of this folder: {named}; {ends}."


def _listed(words: Iterable[str]) -> str:
    listed = list(words)
    more = [f"{len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    return ", ".join([*listed[:_NAMED], *more])
