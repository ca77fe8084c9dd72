"""Jobs of a SLURM cluster: those that an earlier run left behind, and why one failed.

A run that is killed leaves its jobs in the queue, and the next one would start them a second time,
on the same files. And of a failed job Snakemake tells the state; the reason stands in SLURM's own
log of the job. Nothing but the standard library, as the Snakefile calls it.
"""

import re
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from vqathinker.programs import find_program

__all__ = ["describe_failed", "describe_left", "jobs_left", "wait_for_jobs"]

_STARTED = Path(".snakemake/incomplete")  # a file for each output that was begun and not ended
_SLURM_LOGS = Path(".snakemake/slurm_logs")  # of the executor, once it was used
# Of a job that is a group Snakemake's message names only SLURM's log.
_FAILED = re.compile(r"(?:log: |, )([^,\n]*/slurm_logs/[^,\n]+/(\w+)\.log) \(check log")
_OWN_LINE = re.compile(r"^(?:slurmstepd|srun|slurmd)\S*: error: (.+)$", re.MULTILINE)
_RUN = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_NAMED = 5
_CURES = {  # by a word of what SLURM says
    "memory": "mem_mb of its row of resources in params.yaml is what it asks for",
    "Memory": "mem_mb of its row of resources in params.yaml is what it asks for",
    "TIMEOUT": "runtime, in minutes, of its row of resources in params.yaml is what it asks for",
    "CANCELLED": "somebody cancelled it; the same command makes it again",
}


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


def describe_failed(said: str) -> list[str]:
    """SLURM's reasons for the failed jobs that a run's log names, a line for each job."""
    logs = {job: Path(log) for log, job in _FAILED.findall(said)}
    return [line for job, log in logs.items() if (line := _describe(job, log))]


def _facts_of(job: str) -> dict[str, str]:
    """What the controller knows of a job, for some minutes after its end; else nothing."""
    if find_program("scontrol") is None:
        return {}
    asked = ["scontrol", "show", "job", "--oneliner", job]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    return dict(re.findall(r"(\w+)=(\S*)", done.stdout))


def _describe(job: str, log: Path) -> str:
    """The line of one job; empty where SLURM says nothing of it."""
    facts = _facts_of(job)
    if not log.is_file():
        log = log.parents[1] / log.name  # of a job in an array
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    reasons = list(dict.fromkeys(_OWN_LINE.findall(text)))
    if not (facts or reasons):
        return ""
    line = f"SLURM job {job}: "
    if facts:
        line += f"{facts['JobState']} after {facts['RunTime']} of {facts['TimeLimit']}, "
        line += f"with {facts['TRES']}. "
    line += f"SLURM's reason: {'; '.join(reasons) or facts['Reason']}."
    cure = next((cure for word, cure in _CURES.items() if word in line), None)
    return f"{line} {cure}." if cure else line


def _listed(words: Iterable[str]) -> str:
    listed = list(words)
    more = [f"{len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    return ", ".join([*listed[:_NAMED], *more])
