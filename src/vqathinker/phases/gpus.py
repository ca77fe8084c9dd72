"""GPUs of this machine: how many there are, and which ones a job may have for itself.

Snakemake counts GPUs and hands none out, so two jobs of one GPU each would both take the first. A
job claims its own by advisory locks, which end with its process, however that ends. Jobs of other
users, and programs that know nothing of this, are not seen. Standard library only: the Snakefile
calls this, and CUDA_VISIBLE_DEVICES has to be set before torch looks.
"""

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import IO, Any

from vqathinker.errors import InputError

__all__ = ["claim_gpus", "count_gpus", "gpu_faults"]

_DEVICES = Path("/dev")
_CHOSEN = "CUDA_VISIBLE_DEVICES"
_ALLOCATION = "SLURM_JOB_ID"  # in which GPUs are numbered anew
_LAUNCHED = "LOCAL_RANK"  # by a launcher that has claimed for all its processes
_PATIENCE_S = 0.5
_held: list[IO[str]] = []


def count_gpus(environment: Mapping[str, str] = os.environ, devices: Path = _DEVICES) -> int:
    """GPUs that a process of this machine may use: CUDA_VISIBLE_DEVICES, else the device files.

    >>> count_gpus({"CUDA_VISIBLE_DEVICES": "2,5"}), count_gpus({"CUDA_VISIBLE_DEVICES": ""})
    (2, 0)
    """
    return len(_names(environment, devices))


def _names(environment: Mapping[str, str], devices: Path) -> list[str]:
    if _CHOSEN in environment:
        listed = [each.strip() for each in environment[_CHOSEN].split(",") if each.strip()]
        return listed[: listed.index("-1")] if "-1" in listed else listed
    return [str(number) for number, _ in enumerate(devices.glob("nvidia[0-9]*"))]


def claim_gpus(
    wanted: int,
    device: str,
    environment: MutableMapping[str, str] = os.environ,
    devices: Path = _DEVICES,
) -> None:
    """Take so many GPUs for this process and what it becomes or starts, until it ends.

    Sets CUDA_VISIBLE_DEVICES, of what it lists where it is set. Nothing happens on the CPU, on a
    machine without GPUs, and where it lists just so many, as in the job of a cluster. While too few
    are free it waits; whoever came first is served first.

    Args:
        wanted: number of GPUs; 0 claims none, and all are seen.
        device: `auto`, `cpu` or `cuda`.
        devices: the folder with the GPUs' device files.

    Raises:
        InputError: there are fewer.
    """
    names = _names(environment, devices)
    if not (wanted and names) or device == "cpu" or _LAUNCHED in environment:
        return
    if wanted > len(names):
        raise InputError(
            f"--gpus {wanted}: there are {len(names)} here; expected at most so many: set "
            "resources in params.yaml, or run it where there are more"
        )
    if _CHOSEN in environment and wanted == len(names):
        return
    owner = "-".join([str(os.getuid()), *filter(None, [environment.get(_ALLOCATION)])])
    folder = Path(tempfile.gettempdir(), f"vqathinker-gpus-{owner}")
    folder.mkdir(mode=0o700, exist_ok=True)
    environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    environment[_CHOSEN] = ",".join(_take(wanted, names, folder))


def _take(wanted: int, names: list[str], folder: Path) -> list[str]:
    """Those GPUs whose locks this process now holds."""
    taken: list[str] = []
    with (folder / "turn.lock").open("a", encoding="utf-8") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one waits for GPUs at a time, so none waits in a circle
        told = False
        while True:
            free = (n for n in names if n not in taken and _try(folder / f"gpu-{n}.lock"))
            lacking = range(wanted - len(taken))
            taken += [name for _, name in zip(lacking, free, strict=False)]
            if len(taken) == wanted:
                return sorted(taken, key=names.index)
            if not told:
                sys.stderr.write(f"Waits for {wanted} of {len(names)} GPUs; {len(taken)} free.\n")
                told = True
            time.sleep(_PATIENCE_S)


def _try(path: Path) -> bool:
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    os.set_inheritable(file.fileno(), True)  # the launcher that this process becomes holds it on
    _held.append(file)
    return True


def gpu_faults(
    params: Mapping[str, Any], rules: Mapping[str, int], gpus: int
) -> tuple[list[str], list[str]]:
    """What of a run on this machine cannot be, and what is not as it should be, a line each.

    Args:
        params: resolved parameters.
        rules: names of the rules that will run, with the most GPUs that a job of each asks for in
            params.yaml.
        gpus: that this machine has.

    Training that asks for a GPU is refused without one; a policy can be asked on the CPU.
    """
    scale, device = params["scale"], params["device"]
    asking = {name: number for name, number in rules.items() if number}
    if device == "cpu" or not asking:
        return [], []
    plan = f"`vqathinker plan --scale {scale}` says what it takes"
    if gpus:
        most = max(asking.values())
        fewer = (
            f"Scale {scale} asks for {most} GPUs in one job, and this machine has {gpus}: a step "
            "of training has fewer videos; training.gradient_accumulation makes up for it."
        )
        return [], [fewer] if most > gpus else []
    if "train" in asking or device == "cuda":
        what = f"trains on {asking['train']} GPUs" if "train" in asking else "has device cuda"
        line = (
            f"Scale {scale} {what} (resources and device in params.yaml), and this machine has no "
            f"GPU: {plan}. Run it where there are some, or on a cluster (--workflow-profile "
            "workflow/profiles/slurm); `snakemake data clips` needs none."
        )
        return [line], []
    return [], [f"No GPU here: {', '.join(asking)} of scale {scale} run on the CPU; {plan}."]
