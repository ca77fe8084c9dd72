"""Several processes for one training: accelerate's launcher with the configurations in this folder.

`vqathinker train` starts itself through the launcher, so that one job of the workflow is one
command. Under SLURM a job of several nodes starts one launcher on each node.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from ctypes import CDLL
from importlib.util import find_spec
from pathlib import Path

from vqathinker.errors import InputError
from vqathinker.params import Launch

_PORT = 29500
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def node_command(nodes: int) -> list[str]:
    """Prefix that runs a command once on every node of a SLURM job; empty on a single node."""
    if nodes == 1:
        return []
    every = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    return ["srun", *every, "--kill-on-bad-exit"]


def launch_command(
    how: Launch, arguments: Sequence[str], environment: Mapping[str, str], gpus: int
) -> list[str]:
    """The command that trains in several processes; empty if this process trains.

    Args:
        arguments: of `vqathinker`.
        environment: LOCAL_RANK is there in a launched process, SLURM's variables in a job.
        gpus: that this machine has.

    Raises:
        InputError: `how` needs GPUs or a package, and they are not there; or a job of several nodes
            cannot tell which is the first.
    """
    if how == "single" or "LOCAL_RANK" in environment:
        return []
    if how != "cpu-2" and not gpus:
        raise InputError(
            f"training.launch is {how}, and there is no GPU: take single or cpu-2, or run it "
            "where there are GPUs"
        )
    if how == "zero2" and find_spec("deepspeed") is None:
        raise InputError(
            "training.launch is zero2, and DeepSpeed is not installed: `pip install "
            "--no-build-isolation -e '.[deepspeed]'`, or take fsdp2"
        )
    nodes = 1 if how == "cpu-2" else int(environment.get("SLURM_JOB_NUM_NODES", "1"))
    if nodes > 1 and environment.get("SLURM_NTASKS") != str(nodes):
        return [*node_command(nodes), sys.executable, "-m", "vqathinker", *arguments]
    where = ["--main_process_port", "0"]
    if nodes > 1:
        where = [
            "--num_machines", str(nodes), "--machine_rank", environment.get("SLURM_NODEID", "0"),
            "--main_process_ip", _first_node(environment), "--main_process_port", str(_PORT),
        ]  # fmt: skip
    return [
        sys.executable, "-m", "accelerate.commands.launch",
        "--config_file", str(Path(__file__).parent / f"{how}.yaml"),
        "--num_processes", "2" if how == "cpu-2" else str(nodes * gpus),
        *where,
        "--module", "vqathinker", *arguments,
    ]  # fmt: skip


def launch(command: Sequence[str]) -> None:
    """Replace this process by another command."""
    os.execvp(command[0], list(command))  # noqa: S606  the launcher of this very program


def die_with_launcher() -> None:
    """End this process when its launcher is killed, so that it frees the run's folder."""
    if "LOCAL_RANK" in os.environ and sys.platform == "linux":
        CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _first_node(environment: Mapping[str, str]) -> str:
    names = environment.get("SLURM_JOB_NODELIST", "")
    scontrol = shutil.which("scontrol")
    if scontrol is None or not names:
        missing = "SLURM_JOB_NODELIST is empty" if scontrol else "scontrol is not on the PATH"
        raise InputError(
            f"{missing}, so the processes of {environment['SLURM_JOB_NUM_NODES']} nodes cannot "
            "find each other; expected a job of SLURM on nodes with its commands, or one node"
        )
    told = subprocess.run(
        [scontrol, "show", "hostnames", names], check=True, capture_output=True, text=True
    )
    return told.stdout.split()[0]
