"""A real SLURM cluster of one node on the loopback interface, without systemd or accounting.

It needs root. munged, slurmctld and slurmd are child processes of the tests. SLURM's programs read
/etc/slurm/slurm.conf, even in jobs, whose environment Snakemake cleans. The tests write that file,
remove it later, and skip if another cluster has one. All other files are in a folder of the tests.
"""

import fcntl
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.programs import missing_program

CONF = Path("/etc/slurm")
LOCK = Path(tempfile.gettempdir(), "vqathinker-cluster.lock")
MARK = "# Written by the tests of VQAThinker.\n"
PORTS = (16817, 16818)
CPUS = 8  # that jobs may request; the machine may have fewer

SLURM_CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# Without control groups it checks the memory of processes every second.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
MinJobAge=300
KillWait=2
ReturnToService=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=60 State=UP
"""


def why_impossible() -> str | None:
    """The reason why no cluster can be started on this machine, or None."""
    if why := missing_program("munged", "slurmctld", "slurmd", "squeue", "scontrol"):
        return why
    if os.getuid() != 0:
        return "only root can start munged, slurmctld and slurmd"
    conf = CONF / "slurm.conf"
    if conf.exists() and not conf.read_text(encoding="utf-8").startswith(MARK):
        return f"{conf} belongs to another cluster"
    return None


def slurm(*command: str) -> str:
    """Run a program of SLURM and return its output."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def jobs(*states: str) -> list[str]:
    """Ids of jobs in these states; without states, of jobs that have not ended."""
    wanted = ",".join(states or ("PENDING", "RUNNING", "COMPLETING"))
    return slurm("squeue", "--noheader", "--format=%i", f"--states={wanted}").split()


def cancel_jobs() -> None:
    slurm("scancel", "--user=root")
    for _ in range(300):
        if not jobs():
            return
        time.sleep(0.1)
    raise TimeoutError(f"jobs {jobs()} did not end")


@contextmanager
def running_cluster(folder: Path, cpus: int = CPUS) -> Iterator[None]:
    """Start the three daemons, and at the end of the block cancel all jobs and stop the daemons."""
    (folder / "state").mkdir(parents=True)
    (folder / "spool").mkdir()
    host = socket.gethostname().partition(".")[0]
    with ExitStack() as stack:
        lock = stack.enter_context(LOCK.open("a", encoding="utf-8"))
        fcntl.flock(lock, fcntl.LOCK_EX)  # only one at a time on a machine
        write_configuration(folder, host, cpus)
        stack.callback(remove_configuration)
        stack.enter_context(daemon(munged(folder), folder / "munged.log"))
        wait_for(["munge", f"--socket={folder}/munge.socket", "--no-input"], folder)
        for name in ("slurmctld", "slurmd"):
            stack.enter_context(daemon([name, "-D"], folder / f"{name}.log"))
        wait_for(["sinfo", "--noheader", "--format=%T", "--states=idle"], folder)
        stack.callback(cancel_jobs)
        yield


def write_configuration(folder: Path, host: str, cpus: int) -> None:
    text = SLURM_CONF.format(host=host, ports=PORTS, folder=folder, cpus=cpus)
    device = folder / "gpu0"
    os.mknod(device, 0o020666, os.makedev(1, 3))  # a copy of /dev/null
    CONF.mkdir(exist_ok=True)
    (CONF / "slurm.conf").write_text(MARK + text, encoding="utf-8")
    (CONF / "gres.conf").write_text(f"{MARK}Name=gpu File={device}\n", encoding="utf-8")
    (CONF / "cgroup.conf").write_text(f"{MARK}CgroupAutomount=no\n", encoding="utf-8")


def remove_configuration() -> None:
    for name in ("slurm", "gres", "cgroup"):
        (CONF / f"{name}.conf").unlink(missing_ok=True)


def munged(folder: Path) -> list[str]:
    """The command of munged, with a new key."""
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    files = {"key-file": key, "socket": folder / "munge.socket", "pid-file": folder / "munged.pid"}
    files |= {"seed-file": folder / "munge.seed"}
    return ["munged", "--foreground", "--force", *(f"--{name}={f}" for name, f in files.items())]


@contextmanager
def daemon(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w", encoding="utf-8") as file:
        # Ends the daemon if the tests are killed.
        command = ["setpriv", "--pdeathsig", "TERM", *command]
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(command: list[str], folder: Path) -> None:
    """Wait until a command succeeds with some output."""
    for _ in range(300):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip():
            return
        time.sleep(0.1)
    logs = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.log"))
    raise TimeoutError(f"{' '.join(command)}: {done.stderr}\n{logs}")
