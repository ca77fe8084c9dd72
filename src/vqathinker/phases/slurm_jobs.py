"""Jobs of a killed run that are still in the queue of a SLURM cluster.

Without this check, the next run would submit them a second time, for the same files.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_INCOMPLETE = Path(".snakemake/incomplete")  # Snakemake's mark for each output of an unfinished job
_SLURM_LOGS = Path(".snakemake/slurm_logs")  # exists once the SLURM executor was used
_RUN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def earlier_jobs() -> dict[str, str]:
    """Waiting or running SLURM jobs of earlier runs in this folder: id to state.

    Such a job has this folder as its working directory, and the id of a Snakemake run as its name.
    squeue runs only if an output is incomplete.

    Raises:
        RuntimeError: SLURM was used in this folder and does not answer.
    """
    if not any(_INCOMPLETE.glob("**/*")) or shutil.which("squeue") is None:
        return {}
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i %T %j %Z"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode and _SLURM_LOGS.is_dir():
        raise RuntimeError(
            f"squeue failed, so jobs of an earlier run may still exist: {done.stderr.strip()}. "
            f"Start again when it works. If no such job can exist, remove {_SLURM_LOGS}."
        )
    rows = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    here = str(Path.cwd())
    return {job: state for job, state, name, at in rows if at == here and _RUN_ID.search(name)}


def wait_for_jobs(jobs: dict[str, str], log: Callable[[str], None], pause_s: float = 5) -> None:
    """Wait until the jobs have ended. The run then uses their results."""
    log(f"{describe_jobs(jobs)} This run waits for them and then uses their results.")
    while earlier_jobs():
        time.sleep(pause_s)


def describe_jobs(jobs: dict[str, str]) -> str:
    """Which jobs of an earlier run still exist, and how to cancel them.

    >>> print(describe_jobs({"7": "RUNNING"}))
    SLURM still has jobs of an earlier run in this folder: 7 (RUNNING). `scancel 7` cancels them.
    """
    named = ", ".join(f"{job} ({state})" for job, state in sorted(jobs.items()))
    cancel = f"`scancel {' '.join(sorted(jobs))}` cancels them."
    return f"SLURM still has jobs of an earlier run in this folder: {named}. {cancel}"
