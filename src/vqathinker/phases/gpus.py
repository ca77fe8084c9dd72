"""GPUs of this machine: their number, and exclusive claims of jobs.

Snakemake counts GPUs but does not assign them, so two jobs of one GPU each would both take the
first. A job claims its own by advisory locks, which end with its process. Other users and other
programs are not seen. CUDA_VISIBLE_DEVICES has to be set before torch is imported.
"""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

from vqathinker.errors import InputError

DEVICES = Path("/dev")
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_ALLOCATION = "SLURM_JOB_ID"  # SLURM numbers the GPUs of each allocation from 0
_LAUNCHED = "LOCAL_RANK"  # set by a launcher, which has claimed for all its processes
_POLL_S = 0.5
# Rules that use a GPU, and their groups in `resources`.
_GROUPS = {"train": "train", "predict": "predict", "perturbed": "predict", "ask": "predict"}
_held: list[IO[str]] = []


def visible_gpus() -> list[str]:
    """GPUs that this process may use: CUDA_VISIBLE_DEVICES, else numbers of the device files."""
    if _VISIBLE in os.environ:
        listed = [each.strip() for each in os.environ[_VISIBLE].split(",") if each.strip()]
        return listed[: listed.index("-1")] if "-1" in listed else listed  # as CUDA reads it
    return [str(number) for number, _ in enumerate(DEVICES.glob("nvidia[0-9]*"))]


def claim_gpus(wanted: int, device: str) -> None:
    """Claim GPUs for this process and its children until it ends; wait while too few are free.

    Sets CUDA_VISIBLE_DEVICES. Claims nothing on the CPU, on a machine without GPUs, and if
    CUDA_VISIBLE_DEVICES already lists just `wanted` GPUs, as in the job of a cluster.

    Args:
        wanted: number of GPUs; 0 claims none, and all are visible.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: there are fewer.
    """
    names = visible_gpus()
    if not (wanted and names) or device == "cpu" or _LAUNCHED in os.environ:
        return
    if wanted > len(names):
        raise InputError(
            f"--gpus {wanted}: expected at most the {len(names)} GPUs of this machine: set "
            "resources in params.yaml, or use another machine"
        )
    if _VISIBLE in os.environ and wanted == len(names):
        return
    owner = "-".join([str(os.getuid()), *filter(None, [os.environ.get(_ALLOCATION)])])
    folder = Path(tempfile.gettempdir(), f"vqathinker-gpus-{owner}")
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    os.environ[_VISIBLE] = ",".join(_take(wanted, names, folder))


def _take(wanted: int, names: list[str], folder: Path) -> list[str]:
    """Wait until this process holds the locks of `wanted` GPUs, and return their names."""
    taken: list[str] = []
    with (folder / "turn.lock").open("a", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one process waits at a time, so there is no deadlock
        waits = False
        while True:
            for name in names:
                if len(taken) < wanted and name not in taken and _lock(folder / f"gpu-{name}.lock"):
                    taken.append(name)
            if len(taken) == wanted:
                return sorted(taken, key=names.index)
            if not waits:
                sys.stderr.write(f"Waits for {wanted} of {len(names)} GPUs; {len(taken)} free.\n")
            waits = True
            time.sleep(_POLL_S)


def _lock(path: Path) -> bool:
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    os.set_inheritable(file.fileno(), True)  # also for the launcher that this process becomes
    _held.append(file)
    return True


def check_gpus(params: Mapping[str, Any], rules: Collection[str], gpus: int) -> str | None:
    """A warning if a run will be slow on this machine or differ from its parameters.

    Args:
        params: resolved parameters.
        rules: names of the rules that will run.
        gpus: number of GPUs of this machine.

    Raises:
        InputError: training needs a GPU, or `device` is cuda, and there is none.
    """
    scale, device = params["scale"], params["device"]
    wanted = {rule: params["resources"][_GROUPS[rule]]["gpu"] for rule in rules if rule in _GROUPS}
    needed = {rule: number for rule, number in wanted.items() if number}
    if device == "cpu" or not needed:
        return None
    if not gpus and ("train" in needed or device == "cuda"):
        raise InputError(
            f"Scale {scale} needs {max(needed.values())} GPUs, and this machine has none: "
            f"`vqathinker plan --scale {scale}` estimates the costs. Use another machine, or a "
            "cluster (--workflow-profile workflow/profiles/slurm), or change resources and device "
            "in params.yaml; `snakemake data clips` needs no GPU."
        )
    if not gpus:
        return f"No GPU: {', '.join(needed)} of scale {scale} run on the CPU."
    if max(needed.values()) > gpus:
        return (
            f"Scale {scale} uses {max(needed.values())} GPUs in one job, and this machine has "
            f"{gpus}: a training step has fewer videos; training.gradient_accumulation compensates."
        )
    return None
