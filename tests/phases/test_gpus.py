"""Concurrent jobs claim different GPUs, and a run without the GPUs it needs is refused."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from vqathinker.errors import InputError
from vqathinker.phases import gpus as gpus_module
from vqathinker.phases.gpus import check_gpus, claim_gpus, visible_gpus

# Claims GPUs, prints them, keeps them until its input ends. With a 2nd argument, execs a program.
CLAIM = """
import os, sys
from pathlib import Path
from vqathinker.phases import gpus
gpus.DEVICES = Path(os.environ["TMPDIR"])
gpus.claim_gpus(int(sys.argv[1]), "auto")
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
if sys.argv[2:]:
    os.execvp("cat", ["cat"])
sys.stdin.read()
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine with eight GPUs and no restriction, with locks in the test's folder."""
    for name in (*(f"nvidia{n}" for n in range(8)), "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(gpus_module, "DEVICES", tmp_path)
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "SLURM_JOB_ID", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    return {**os.environ, "TMPDIR": str(tmp_path)}


@contextmanager
def job(environment: dict[str, str], *words: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", CLAIM, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        yield process
        process.kill()


def claimed(process: "subprocess.Popen[str]") -> set[str]:
    return set(process.stdout.readline().strip().split(","))


def test_concurrent_jobs_claim_different_gpus(environment):
    with ExitStack() as stack:
        jobs = [stack.enter_context(job(environment, n)) for n in ("1", "1", "4", "2")]
        found = [claimed(process) for process in jobs]
    assert [len(gpus) for gpus in found] == [1, 1, 4, 2]
    assert set.union(*found) == set("01234567")


@pytest.mark.parametrize("exec_argument", [(), ("exec",)])
def test_gpu_is_free_after_its_process_is_killed(environment, exec_argument):
    """Training replaces its process by a launcher, which must keep the claimed GPUs."""
    with job(environment, "8", *exec_argument) as first:
        assert claimed(first) == set("01234567")
        with job(environment, "1") as second:
            assert "1 of 8" in second.stderr.readline()
            assert second.poll() is None
            first.kill()
            first.wait()
            assert len(claimed(second)) == 1


@pytest.mark.parametrize(
    ("wanted", "device", "variables"),
    [
        (1, "cpu", {}),
        (0, "auto", {}),
        (1, "auto", {"CUDA_VISIBLE_DEVICES": "3"}),
        (1, "auto", {"CUDA_VISIBLE_DEVICES": ""}),
        (1, "cuda", {"LOCAL_RANK": "0"}),
    ],
)
@pytest.mark.usefixtures("environment")
def test_no_gpu_is_claimed_without_need(monkeypatch, wanted, device, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    claim_gpus(wanted, device)
    assert os.environ == before


@pytest.mark.usefixtures("environment")
def test_request_for_too_many_gpus_is_refused():
    with pytest.raises(InputError, match=r"--gpus 9: .* 8 "):
        claim_gpus(9, "auto")


@pytest.mark.parametrize(("visible", "number"), [("", 0), ("GPU-8f2a", 1), ("1,-1,2", 1)])
@pytest.mark.usefixtures("environment")
def test_visible_gpus_are_those_that_cuda_uses(monkeypatch, visible, number):
    assert visible_gpus() == [*"01234567"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert len(visible_gpus()) == number


RESOURCES = {"train": {"gpu": 8}, "predict": {"gpu": 1}}
PAPER = {"scale": "paper", "device": "auto", "resources": RESOURCES}


@pytest.mark.parametrize(
    ("params", "rules", "gpus", "outcome"),
    [
        (PAPER, {"train", "predict", "fetch"}, 0, InputError),
        (PAPER, {"predict"}, 0, "No GPU: predict"),
        (PAPER, {"train"}, 4, "uses 8 GPUs in one job, and this machine has 4"),
        (PAPER, {"train"}, 8, None),
        (PAPER | {"device": "cpu"}, {"train"}, 0, None),
        (PAPER, {"fetch"}, 0, None),
    ],
)
def test_run_without_enough_gpus_is_refused_or_warned(params, rules, gpus, outcome):
    if outcome is InputError:
        with pytest.raises(InputError, match="paper"):
            check_gpus(params, rules, gpus)
    else:
        warning = check_gpus(params, rules, gpus)
        assert warning == outcome or outcome in warning
