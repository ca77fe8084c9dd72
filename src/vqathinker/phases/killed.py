"""Jobs that were killed from outside, which leave no message of their own."""

import re
from pathlib import Path

__all__ = ["describe_killed"]

_KILLED = re.compile(r"^Command '(.*)' (?:returned non-zero exit status 137|died with .*SIGKILL)")
_REDIRECTED = re.compile(r"2> (\S+)$")


def describe_killed(log: str) -> str | None:
    """What to say of jobs that SIGKILL ended, as Snakemake's log of a run tells; None: of none.

    Linux kills so when memory ran out, and a cluster when a job took more than it had asked for;
    neither a job nor Snakemake can know.
    """
    found = [match for line in log.splitlines() if (match := _KILLED.match(line))]
    if not found:
        return None
    jobs = dict.fromkeys(_name(match[1]) for match in found)
    return (
        f"Killed from outside, most often because memory ran out: {'; '.join(jobs)}. See `dmesg` "
        "or the cluster's account of the job (`sacct`); run fewer jobs at once (`--cores 1`), give "
        "them smaller batches (evaluation.batch_size, training.videos_per_device in params.yaml), "
        "or take a machine with more memory (a cluster: resources, mem_mb). The same command then "
        "goes on."
    )


def _name(command: str) -> str:
    """The first words of a job's command and its log."""
    words = command.rpartition(";  ")[2].split(" --")[0]
    log = _REDIRECTED.search(command)
    return f"`{words}`" + (f" ({Path(log[1])})" if log else "")
