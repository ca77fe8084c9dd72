"""A real SLURM of one node on the loopback: munged, slurmctld and slurmd as children of the tests.

As root and without systemd or accounting. SLURM's programs look for /etc/slurm/slurm.conf, also
within jobs, whose environment Snakemake cleans; that file is put there and taken away again, and
nothing is touched where a cluster has one of its own. All else lies in a folder of the tests.
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

from tests.programs import why_absent

CONF = Path("/etc/slurm")
LOCK = Path(tempfile.gettempdir(), "vqathinker-cluster.lock")
MARK = "# Of the tests of VQAThinker.\n"
PORTS = (16817, 16818)
CPUS = 8  # that jobs may ask for, whatever the machine has

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
# Without control groups it looks at the processes' memory each second.
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


def lacking() -> str | None:
    """Why there can be no cluster here, if so: what to install, or whose place it would take."""
    if why := why_absent("munged", "slurmctld", "slurmd", "squeue", "scontrol"):
        return why
    if os.getuid() != 0:
        return "munged, slurmctld and slurmd of a cluster for tests are started by root"
    conf = CONF / "slurm.conf"
    if conf.exists() and not conf.read_text(encoding="utf-8").startswith(MARK):
        return f"{conf} is that of another cluster"
    return None


class Cluster:
    """A cluster that runs, and what its users may ask it."""

    def ask(self, *command: str) -> str:
        """What a SLURM program says."""
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """Ids of jobs in these states; of those that wait or run where none is named."""
        wanted = ",".join(states or ("PENDING", "RUNNING", "COMPLETING"))
        return self.ask("squeue", "--noheader", "--format=%i", f"--states={wanted}").split()

    def cancel_all(self) -> None:
        """Cancel what is left, and wait for its end."""
        self.ask("scancel", "--user=root")
        for _ in range(300):
            if not self.jobs():
                return
            time.sleep(0.1)
        raise TimeoutError(f"jobs {self.jobs()} did not end")


@contextmanager
def running_cluster(folder: Path, cpus: int = CPUS) -> Iterator[Cluster]:
    """Start the three daemons; the end of the block ends them, and every job before."""
    (folder / "state").mkdir(parents=True)
    (folder / "spool").mkdir()
    host = socket.gethostname().partition(".")[0]
    with ExitStack() as stack:
        lock = stack.enter_context(LOCK.open("a", encoding="utf-8"))
        fcntl.flock(lock, fcntl.LOCK_EX)  # there is one place for it on a machine
        write_configuration(folder, host, cpus)
        stack.callback(remove_configuration)
        stack.enter_context(daemon(munged(folder), folder / "munged.log"))
        wait_for(["munge", f"--socket={folder}/munge.socket", "--no-input"], folder)
        for name in ("slurmctld", "slurmd"):
            stack.enter_context(daemon([name, "-D"], folder / f"{name}.log"))
        wait_for(["sinfo", "--noheader", "--format=%T", "--states=idle"], folder)
        cluster = Cluster()
        stack.callback(cluster.cancel_all)
        yield cluster


def write_configuration(folder: Path, host: str, cpus: int) -> None:
    text = SLURM_CONF.format(host=host, ports=PORTS, folder=folder, cpus=cpus)
    device = folder / "gpu0"
    os.mknod(device, 0o020666, os.makedev(1, 3))  # another name of /dev/null
    CONF.mkdir(exist_ok=True)
    (CONF / "slurm.conf").write_text(MARK + text, encoding="utf-8")
    (CONF / "gres.conf").write_text(f"{MARK}Name=gpu File={device}\n", encoding="utf-8")
    (CONF / "cgroup.conf").write_text(f"{MARK}CgroupAutomount=no\n", encoding="utf-8")


def remove_configuration() -> None:
    for name in ("slurm", "gres", "cgroup"):
        (CONF / f"{name}.conf").unlink(missing_ok=True)


def munged(folder: Path) -> list[str]:
    """Its command, with a key of its own."""
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(os.urandom(128))
    files = {"key-file": key, "socket": folder / "munge.socket", "pid-file": folder / "munged.pid"}
    files |= {"seed-file": folder / "munge.seed"}
    return ["munged", "--foreground", "--force", *(f"--{name}={f}" for name, f in files.items())]


@contextmanager
def daemon(command: list[str], log: Path) -> Iterator[None]:
    with log.open("w", encoding="utf-8") as file:
        ends_with_us = ["setpriv", "--pdeathsig", "TERM", *command]
        process = subprocess.Popen(ends_with_us, stdout=file, stderr=file, start_new_session=True)
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
    """Until a command succeeds and says something."""
    for _ in range(300):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip():
            return
        time.sleep(0.1)
    logs = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.log"))
    raise TimeoutError(f"{' '.join(command)}: {done.stderr}\n{logs}")
