"""Training in several processes, by accelerate's launcher and the configurations in this folder.

`vqathinker train` starts itself through the launcher, so that one job of the workflow is one
command. In a SLURM job of several nodes, each node starts one launcher.
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


def launch_command(
    mode: Launch, arguments: Sequence[str], environment: Mapping[str, str], gpus: int
) -> list[str]:
    """The command that trains in several processes; empty if this process trains.

    Args:
        mode: the setting `training.launch`.
        arguments: of `vqathinker`.
        environment: has LOCAL_RANK in a launched process, SLURM's variables in a job.
        gpus: number of GPUs of this machine.

    Raises:
        InputError: GPUs, DeepSpeed or the name of the first node are not available.
    """
    if mode == "single" or "LOCAL_RANK" in environment:
        return []
    if mode != "cpu-2" and not gpus:
        raise InputError(
            f"training.launch is {mode}, but there is no GPU: set it to single or cpu-2, or run on "
            "a machine with GPUs"
        )
    if mode == "zero2" and find_spec("deepspeed") is None:
        raise InputError(
            "training.launch is zero2, but DeepSpeed is not installed: run `pip install "
            "--no-build-isolation -e '.[deepspeed]'`, or set it to fsdp2"
        )
    nodes = 1 if mode == "cpu-2" else int(environment.get("SLURM_JOB_NUM_NODES", "1"))
    if nodes > 1 and environment.get("SLURM_NTASKS") != str(nodes):
        # Called once per job: call again once per node.
        tasks = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
        command = [sys.executable, "-m", "vqathinker", *arguments]
        return ["srun", *tasks, "--kill-on-bad-exit", *command]
    options = {
        "config_file": Path(__file__).parent / f"{mode}.yaml",
        "num_processes": 2 if mode == "cpu-2" else nodes * gpus,
        "main_process_port": 0,  # any free port
    }
    if nodes > 1:
        options |= {
            "num_machines": nodes,
            "machine_rank": environment.get("SLURM_NODEID", "0"),
            "main_process_ip": _first_node(environment),
            "main_process_port": _PORT,
        }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *words]
    return [*launcher, "--module", "vqathinker", *arguments]


def launch(command: Sequence[str]) -> None:
    """Replace this process by another command."""
    os.execvp(command[0], list(command))  # noqa: S606  the launcher of this program


def die_with_launcher() -> None:
    """End this process when its launcher is killed, so that it releases the lock of the run."""
    if "LOCAL_RANK" in os.environ and sys.platform == "linux":
        CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _first_node(environment: Mapping[str, str]) -> str:
    names = environment.get("SLURM_JOB_NODELIST", "")
    scontrol = shutil.which("scontrol")
    if scontrol is None or not names:
        missing = "SLURM_JOB_NODELIST is empty" if scontrol else "scontrol is not on the PATH"
        raise InputError(
            f"{missing}, but the processes of {environment['SLURM_JOB_NUM_NODES']} nodes need the "
            "name of the first one: run in a SLURM job on nodes with SLURM's commands, or on 1 node"
        )
    done = subprocess.run(
        [scontrol, "show", "hostnames", names], check=True, capture_output=True, text=True
    )
    return done.stdout.split()[0]
