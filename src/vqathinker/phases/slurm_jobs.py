"""Jobs of an earlier, killed run in the queue of a SLURM cluster.

The next run would start them a second time, on the same files.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_STARTED = Path(".snakemake/incomplete")  # a file for each output of an unfinished job
_SLURM_LOGS = Path(".snakemake/slurm_logs")  # of the executor, once it was used
_RUN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def jobs_left() -> dict[str, str]:
    """Waiting or running SLURM jobs of earlier runs of this folder: id to state.

    Their working directory is this folder, and their name is the identifier that Snakemake gave
    the run. Nothing is asked if no output is unfinished.

    Raises:
        RuntimeError: this folder has used SLURM, and SLURM does not answer.
    """
    if not any(_STARTED.glob("**/*")) or shutil.which("squeue") is None:
        return {}
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i %T %j %Z"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and _SLURM_LOGS.is_dir():
        raise RuntimeError(
            f"squeue does not say whether jobs of an earlier run are left: {done.stderr.strip()}. "
            f"Start again when it answers; if no job can be left, remove {_SLURM_LOGS}."
        )
    rows = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    here = str(Path.cwd())
    return {job: state for job, state, run, at in rows if at == here and _RUN.search(run)}


def wait_for_jobs(jobs: dict[str, str], say: Callable[[str], None], pause_s: float = 5) -> None:
    """Wait until the jobs have ended; the run then uses their results."""
    say(f"{describe_left(jobs)} This run waits for their end and then uses their results.")
    while jobs_left():
        time.sleep(pause_s)


def describe_left(jobs: dict[str, str]) -> str:
    """Which jobs of an earlier run are left, and how to cancel them.

    >>> print(describe_left({"7": "RUNNING"}))
    SLURM still has jobs of an earlier run of this folder: 7 (RUNNING). `scancel 7` cancels them.
    """
    named = ", ".join(f"{job} ({state})" for job, state in sorted(jobs.items()))
    cancel = f"`scancel {' '.join(sorted(jobs))}` cancels them."
    return f"SLURM still has jobs of an earlier run of this folder: {named}. {cancel}"
