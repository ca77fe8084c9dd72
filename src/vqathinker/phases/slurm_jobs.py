"""Jobs of a SLURM cluster: those that an earlier run left behind, and why one failed.

A run that is killed leaves its jobs in the queue, and the next one would start them a second time,
on the same files. And of a failed job Snakemake tells the state; the reason stands in SLURM's own
log of the job. Nothing but the standard library, as the Snakefile calls it.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["describe_failed", "describe_left", "jobs_left", "wait_for_jobs"]

_STARTED = Path(".snakemake/incomplete")  # a file for each output that was begun and not ended
_FAILED = re.compile(r"SLURM-job '(\w+)' failed")
_OWN_LINE = re.compile(r"^(?:slurmstepd|srun|slurmd)\S*: error: (.+)$", re.MULTILINE)
_NAMED = 5
_CURES = {  # by a word of what SLURM says
    "memory": "mem_mb of its row of resources in params.yaml is what it asks for",
    "Memory": "mem_mb of its row of resources in params.yaml is what it asks for",
    "TIMEOUT": "runtime, in minutes, of its row of resources in params.yaml is what it asks for",
    "CANCELLED": "somebody cancelled it; the same command makes it again",
}


def jobs_left() -> dict[str, str]:
    """Jobs of runs of this folder that SLURM still knows as waiting or running: id to state.

    Raises:
        RuntimeError: SLURM does not answer, so nobody knows.
    """
    ids = _started_jobs()
    if not ids or shutil.which("squeue") is None:
        return {}
    asked = ["squeue", "--me", "--array", "--noheader", "--format=%i %T"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"An earlier run gave jobs {_listed(ids)} to SLURM, and whether they still work here "
            f"squeue does not say: {done.stderr.strip()}. Start again when it answers; where the "
            f"jobs are known to be over, remove {_STARTED}."
        )
    states = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    return {job: state for job, state in states.items() if job in ids}


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
    ids = dict.fromkeys(_FAILED.findall(said))
    return [line for job in ids if (line := _describe(job, _facts_of(job)))]


def _started_jobs() -> list[str]:
    marks = (path for path in sorted(_STARTED.glob("**/*")) if path.is_file())
    found = (json.loads(mark.read_text(encoding="utf-8") or "{}") for mark in marks)
    return list(dict.fromkeys(str(mark["external_jobid"]) for mark in found if _has_id(mark)))


def _has_id(mark: object) -> bool:
    return isinstance(mark, dict) and bool(mark.get("external_jobid"))


def _facts_of(job: str) -> dict[str, str]:
    """What the controller knows of a job, for some minutes after its end; else nothing."""
    if shutil.which("scontrol") is None:
        return {}
    asked = ["scontrol", "show", "job", "--oneliner", job]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    return dict(re.findall(r"(\w+)=(\S*)", done.stdout))


def _describe(job: str, facts: dict[str, str]) -> str:
    """The line of one job; empty where SLURM knows nothing."""
    if not facts:
        return ""
    log = Path(facts.get("StdOut", ""))
    lines = (
        _OWN_LINE.findall(log.read_text(encoding="utf-8", errors="replace"))
        if log.is_file()
        else []
    )
    reason = "; ".join(dict.fromkeys(lines)) or facts.get("Reason", "unknown")
    line = (
        f"SLURM job {job}: {facts.get('JobState')} after {facts.get('RunTime')} of "
        f"{facts.get('TimeLimit')}, with {facts.get('TRES')}. SLURM's reason: {reason}."
    )
    cure = next((cure for word, cure in _CURES.items() if word in line), None)
    return f"{line} {cure}." if cure else line


def _listed(words: Iterable[str]) -> str:
    listed = list(words)
    more = [f"{len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    return ", ".join([*listed[:_NAMED], *more])
