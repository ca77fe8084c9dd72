"""Jobs side by side get GPUs of their own, and a machine without one says so at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from vqathinker.errors import InputError
from vqathinker.phases.gpus import claim_gpus, count_gpus, gpu_faults

# Claims, says what it got, and holds it until its input ends; "become" does so as another program.
CLAIM = """
import os, sys
from pathlib import Path
from vqathinker.phases.gpus import claim_gpus
claim_gpus(int(sys.argv[1]), "auto", devices=Path(os.environ["TMPDIR"]))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
if sys.argv[2:]:
    os.execvp("cat", ["cat"])
sys.stdin.read()
"""


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A folder with the device files of eight GPUs."""
    for name in (*(f"nvidia{n}" for n in range(8)), "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def environment(devices: Path) -> dict[str, str]:
    """Nobody has said yet which GPUs there are; locks lie in a folder of this test."""
    said = ("CUDA_VISIBLE_DEVICES", "SLURM", "LOCAL_RANK")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(said)}
    return plain | {"TMPDIR": str(devices)}


@contextmanager
def job(environment: dict[str, str], *words: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", CLAIM, *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        yield process
        process.kill()


def got(process: "subprocess.Popen[str]") -> set[str]:
    return set(process.stdout.readline().strip().split(","))


def test_jobs_side_by_side_take_different_gpus(environment):
    with ExitStack() as stack:
        jobs = [stack.enter_context(job(environment, n)) for n in ("1", "1", "4", "2")]
        taken = [got(each) for each in jobs]
    assert [len(each) for each in taken] == [1, 1, 4, 2]
    assert set.union(*taken) == set("01234567")


def test_of_gpus_that_were_chosen_jobs_share_none_either(environment):
    environment |= {"CUDA_VISIBLE_DEVICES": "GPU-8f2a,6", "SLURM_JOB_ID": "7"}
    with job(environment, "1") as first, job(environment, "1") as second:
        assert got(first) | got(second) == {"GPU-8f2a", "6"}


@pytest.mark.parametrize("become", [(), ("become",)])
def test_a_gpu_is_free_again_when_its_process_is_killed_and_not_before(environment, become):
    """A training becomes its launcher, which must hold on to what it claimed."""
    with job(environment, "8", *become) as first:
        assert got(first) == set("01234567")
        with job(environment, "1") as second:
            assert second.stderr.readline() == "Waits for 1 of 8 GPUs; 0 free.\n"
            assert second.poll() is None
            first.kill()
            first.wait()
            assert len(got(second)) == 1


@pytest.mark.parametrize(
    ("wanted", "device", "said"),
    [
        (1, "cpu", {}),
        (0, "auto", {}),
        (1, "auto", {"CUDA_VISIBLE_DEVICES": "3"}),
        (1, "auto", {"CUDA_VISIBLE_DEVICES": ""}),
        (1, "cuda", {"LOCAL_RANK": "0"}),
    ],
)
def test_nothing_is_claimed_where_it_is_already_said_or_not_needed(devices, wanted, device, said):
    environment = dict(said)
    claim_gpus(wanted, device, environment, devices)
    assert environment == said


def test_nothing_is_claimed_on_a_machine_without_gpus(tmp_path):
    environment: dict[str, str] = {}
    claim_gpus(1, "auto", environment, tmp_path)
    assert not environment


def test_more_gpus_than_there_are_is_a_mistake(devices):
    with pytest.raises(InputError, match="--gpus 9: there are 8 here; expected at most so many"):
        claim_gpus(9, "auto", {}, devices)


@pytest.mark.parametrize(
    ("chosen", "number"), [("0,1,2", 3), ("", 0), ("-1", 0), ("GPU-8f2a", 1), ("1,-1,2", 1)]
)
def test_the_gpus_that_are_chosen_are_counted_as_cuda_counts_them(chosen, number):
    assert count_gpus({"CUDA_VISIBLE_DEVICES": chosen}) == number


def test_device_files_are_counted_where_nothing_is_chosen(devices):
    assert count_gpus({}, devices) == 8


PAPER = {"scale": "paper", "device": "auto"}


def test_training_is_refused_without_a_gpu_and_prediction_is_not():
    (refused,), warned = gpu_faults(PAPER, {"train": 8, "predict": 1}, 0)
    assert refused.startswith("Scale paper trains on 8 GPUs")
    assert "`vqathinker plan --scale paper`" in refused
    assert not warned
    refused, (warned,) = gpu_faults(PAPER, {"predict": 1}, 0)
    assert not refused
    assert warned.startswith("No GPU here: predict of scale paper run on the CPU")
    (refused,), _ = gpu_faults(PAPER | {"device": "cuda"}, {"predict": 1}, 0)
    assert "has device cuda" in refused


def test_fewer_gpus_than_a_job_asks_for_are_told():
    assert gpu_faults(PAPER, {"train": 8}, 8) == ([], [])
    refused, (warned,) = gpu_faults(PAPER, {"train": 8}, 4)
    assert not refused
    assert "asks for 8 GPUs in one job, and this machine has 4" in warned


@pytest.mark.parametrize(
    ("params", "rules"),
    [(PAPER | {"device": "cpu"}, {"train": 8}), (PAPER, {"train": 0}), (PAPER, {})],
)
def test_nothing_is_said_where_no_gpu_is_asked_for(params, rules):
    assert gpu_faults(params, rules, 0) == ([], [])
