"""GPUs of this machine: their number, and exclusive claims of jobs.

Snakemake counts GPUs but does not assign them, so two jobs of one GPU each would both use the
first. A job therefore claims GPUs with advisory locks, which end with its process. Other users and
other programs are not taken into account. Claim GPUs before you import torch, which reads
CUDA_VISIBLE_DEVICES only once.
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
_LAUNCHED = "LOCAL_RANK"  # set by a launcher, which has claimed GPUs for all its processes
_POLL_S = 0.5
# Rules that use a GPU, and their groups in `resources`.
_GROUPS = {"train": "train", "predict": "predict", "predict_perturbed": "predict", "ask": "predict"}
_open_locks: list[IO[str]] = []


def visible_gpus() -> list[str]:
    """GPUs that this process may use: CUDA_VISIBLE_DEVICES, else the numbers of device files."""
    if _VISIBLE in os.environ:
        listed = [name.strip() for name in os.environ[_VISIBLE].split(",") if name.strip()]
        return listed[: listed.index("-1")] if "-1" in listed else listed  # CUDA stops at -1
    return [str(number) for number, _ in enumerate(DEVICES.glob("nvidia[0-9]*"))]


def claim_gpus(wanted: int, device: str) -> None:
    """Claim GPUs for this process and its children until it ends; wait while too few are free.

    Sets CUDA_VISIBLE_DEVICES. Nothing is claimed on the CPU, on a machine without GPUs, or if
    CUDA_VISIBLE_DEVICES already lists exactly `wanted` GPUs, as it does in a job of a cluster.

    Args:
        wanted: number of GPUs. 0 claims none and leaves all visible.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: this machine has fewer GPUs.
    """
    names = visible_gpus()
    if not (wanted and names) or device == "cpu" or _LAUNCHED in os.environ:
        return
    if wanted > len(names):
        raise InputError(
            f"--gpus {wanted}: this machine has {len(names)} GPUs. Lower the number under "
            "resources in params.yaml, or use another machine."
        )
    if _VISIBLE in os.environ and wanted == len(names):
        return
    owner = "-".join([str(os.getuid()), *filter(None, [os.environ.get(_ALLOCATION)])])
    folder = Path(tempfile.gettempdir(), f"vqathinker-gpus-{owner}")
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    os.environ[_VISIBLE] = ",".join(_lock_gpus(wanted, names, folder))


def _lock_gpus(wanted: int, names: list[str], folder: Path) -> list[str]:
    """Wait until this process holds the locks of `wanted` GPUs, and return their names."""
    locked: list[str] = []
    with (folder / "turn.lock").open("a", encoding="utf-8") as turn:
        # One process collects GPUs at a time. Two that each hold a part would wait for ever.
        fcntl.flock(turn, fcntl.LOCK_EX)
        waiting = False
        while True:
            for name in names:
                if (
                    len(locked) < wanted
                    and name not in locked
                    and _lock(folder / f"gpu-{name}.lock")
                ):
                    locked.append(name)
            if len(locked) == wanted:
                return sorted(locked, key=names.index)
            if not waiting:
                sys.stderr.write(
                    f"Waiting for {wanted} of {len(names)} GPUs; {len(locked)} are free.\n"
                )
            waiting = True
            time.sleep(_POLL_S)


def _lock(path: Path) -> bool:
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    # Training replaces its process by the launcher, which must keep the lock.
    os.set_inheritable(file.fileno(), True)
    _open_locks.append(file)
    return True


def check_gpus(params: Mapping[str, Any], rules: Collection[str], gpus: int) -> str | None:
    """A warning if a run will be slow on this machine or differ from its parameters.

    Args:
        params: resolved parameters.
        rules: names of the rules that will run.
        gpus: number of GPUs of this machine.

    Raises:
        InputError: there is no GPU, but training needs one or `device` is cuda.
    """
    scale, device = params["scale"], params["device"]
    wanted = {rule: params["resources"][_GROUPS[rule]]["gpu"] for rule in rules if rule in _GROUPS}
    needed = {rule: number for rule, number in wanted.items() if number}
    if device == "cpu" or not needed:
        return None
    if not gpus and ("train" in needed or device == "cuda"):
        raise InputError(
            f"Scale {scale} needs {max(needed.values())} GPUs, and this machine has none. "
            f"`vqathinker plan --scale {scale}` estimates what it takes. Use another machine or a "
            "cluster (--workflow-profile workflow/profiles/slurm), or change resources and device "
            "in params.yaml. `snakemake data clips` needs no GPU."
        )
    if not gpus:
        return f"No GPU: {', '.join(needed)} of scale {scale} run on the CPU."
    if max(needed.values()) > gpus:
        return (
            f"Scale {scale} uses {max(needed.values())} GPUs in one job, and this machine has "
            f"{gpus}, so a training step has fewer videos. Raise training.gradient_accumulation "
            "to compensate."
        )
    return None
