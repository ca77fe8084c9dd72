"""Several processes for one training: accelerate's launcher with the configurations beside this.

`vqathinker train` starts itself through it, so one job of the workflow is one command whatever
`training.launch` says. Under SLURM a job of several nodes starts one launcher on each of them.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from ctypes import CDLL
from importlib.util import find_spec
from pathlib import Path

from vqathinker.errors import InputError
from vqathinker.params import Launch
from vqathinker.programs import find_program

__all__ = ["die_with_launcher", "launch", "launch_command", "node_command"]

_PORT = 29500
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def node_command(nodes: int) -> list[str]:
    """What starts a command once on every node of a SLURM job; nothing on a single machine."""
    if nodes == 1:
        return []
    every = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    return ["srun", *every, "--kill-on-bad-exit"]


def launch_command(
    how: Launch, arguments: Sequence[str], environment: Mapping[str, str], gpus: int
) -> list[str]:
    """The command that trains in several processes; empty where this process is to do it.

    Args:
        arguments: of `vqathinker`.
        environment: LOCAL_RANK is there in a launched process, SLURM's variables in a job.
        gpus: that this machine has.

    Raises:
        InputError: `how` needs GPUs or a package, and they are not there.
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
    several = [
        "--num_machines", str(nodes), "--machine_rank", environment.get("SLURM_NODEID", "0"),
        "--main_process_ip", _first_node(environment), "--main_process_port", str(_PORT),
    ]  # fmt: skip
    return [
        sys.executable, "-m", "accelerate.commands.launch",
        "--config_file", str(Path(__file__).parent / f"{how}.yaml"),
        "--num_processes", "2" if how == "cpu-2" else str(nodes * gpus),
        *(several if nodes > 1 else ["--main_process_port", "0"]),
        "--module", "vqathinker", *arguments,
    ]  # fmt: skip


def launch(command: Sequence[str]) -> None:
    """Become another command."""
    os.execvp(command[0], list(command))  # noqa: S606  the launcher of this very program


def die_with_launcher() -> None:
    """Let a launched process end when its launcher is killed, and not hold the run's folder."""
    if "LOCAL_RANK" in os.environ and sys.platform == "linux":
        CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _first_node(environment: Mapping[str, str]) -> str:
    names = environment.get("SLURM_JOB_NODELIST", "")
    scontrol = find_program("scontrol")
    if scontrol is None or not names:
        return "127.0.0.1"
    told = subprocess.run(
        [scontrol, "show", "hostnames", names], check=True, capture_output=True, text=True
    )
    return told.stdout.split()[0]
