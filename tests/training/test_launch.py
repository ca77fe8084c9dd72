"""Training in several processes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from filelock import FileLock
from safetensors.torch import load_file
from tests.training.conftest import Settings, same_weights, weights_after

from vqathinker.errors import InputError
from vqathinker.params import RunSettings
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.training import launch
from vqathinker.training.launch import launch_command


@pytest.fixture(scope="module")
def base_layers(training_set: Any) -> set[str]:
    model = load_policy(training_set.folder / "base").model
    return {type(module).__name__ for module in model.modules()}


@pytest.fixture
def command(tmp_path: Path, training_set: Any) -> Callable[..., list[str]]:
    """command(settings, out): `vqathinker train` as in the workflow."""

    def made(settings: RunSettings, out: Path) -> list[str]:
        stamp = tmp_path / f"{out.name}.yaml"
        row = settings.model_dump(mode="json")
        content = {"phase": "training-grpo", "params": {"scale": "demo", "runs": {"grpo": row}}}
        stamp.write_text(yaml.safe_dump(content), encoding="utf-8")
        folder = training_set.folder
        files = {
            "params": stamp, "policy": folder / "base", "manifest": folder / "manifest.parquet",
            "clips": training_set.clips, "perturbations": folder / "perturbations.parquet",
            "output": out,
        }  # fmt: skip
        options = [part for name, path in files.items() for part in (f"--{name}", str(path))]
        return [sys.executable, "-m", "vqathinker", "train", "grpo", *options]

    return made


def run(command: list[str], **environment: str) -> None:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr[-4000:]


def test_two_processes_train_as_one(
    tmp_path: Path, training_set: Any, settings_of: Settings, command: Any
) -> None:
    rewards = {"ranking": {"scope": "global"}}
    how = {"max_steps": 1, "learning_rate": 1e-4, "save_every": 1, "rewards": rewards}
    one, two = tmp_path / "one", tmp_path / "two"
    training_set.start(settings_of(**how, gradient_accumulation=2), one)
    run(command(settings_of(**how, launch="cpu-2"), two))
    histories = [pd.read_csv(out / "history.csv") for out in (one, two)]
    same = [name for name in histories[0] if name.startswith(("reward", "failures", "kl"))]
    for name in (*same, "grad_norm"):
        assert histories[1][name].tolist() == pytest.approx(histories[0][name].tolist(), abs=2e-6)
    assert_close(two, one, training_set.folder / "base", 1)
    with pytest.raises(ValueError, match=r"2 processes.*training\.launch"):
        training_set.start(settings_of(**how), two)  # each process has a share of the checkpoint


def assert_close(out: Path, other: Path, base: Path, step: int) -> None:
    """Two runs have equal weights up to rounding, which differ from those of the base."""
    weights, before = weights_after(out, step), load_file(base / "model.safetensors")
    assert any(not torch.equal(weights[name], before[name]) for name in before)
    for name, value in weights_after(other, step).items():
        torch.testing.assert_close(weights[name], value, atol=1e-5, rtol=0)


def test_two_processes_resume_exactly_after_a_kill(
    tmp_path: Path, settings_of: Settings, command: Any
) -> None:
    settings = settings_of(max_steps=3, save_every=1, launch="cpu-2")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(command(settings, whole))
    first = subprocess.Popen(command(settings, cut), start_new_session=True)
    while first.poll() is None and not (cut / "checkpoints" / "checkpoint-1").exists():
        time.sleep(0.05)
    first.kill()  # only the launcher: its processes have to follow
    first.wait()
    with FileLock(cut / ".lock"):  # released as soon as they have
        pass
    run(command(settings, cut))
    assert (cut / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    assert same_weights(whole, cut, 3)


def test_launcher_that_needs_gpus_fails_without_them() -> None:
    with pytest.raises(InputError, match=r"training\.launch is zero2"):
        launch_command("zero2", ["train"], {}, 0)


TWO_NODES = {"SLURM_JOB_NUM_NODES": "2"}
SECOND_NODE = {"SLURM_NTASKS": "2", "SLURM_NODEID": "1", "SLURM_JOB_NODELIST": "gpu[1-2]"}


def test_every_node_starts_a_launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scontrol = tmp_path / "scontrol"  # `show hostnames` prints one name per line
    scontrol.write_text("#!/bin/sh\necho gpu1\necho gpu2\n", encoding="utf-8")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    first = launch_command("fsdp2", ["train", "grpo"], TWO_NODES, 8)
    assert first[0] == "srun"
    assert first[-3:] == ["vqathinker", "train", "grpo"]
    second = launch_command("fsdp2", ["train", "grpo"], TWO_NODES | SECOND_NODE, 8)
    options = dict(zip(second[3::2], second[4::2], strict=False))
    assert options["--num_processes"] == "16"
    assert options["--num_machines"] == "2"
    assert options["--machine_rank"] == "1"
    assert options["--main_process_ip"] == "gpu1"


@pytest.mark.parametrize("lacking", ["scontrol", "SLURM_JOB_NODELIST"])
def test_unknown_first_node_is_an_error(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = None if lacking == "scontrol" else "scontrol"
    monkeypatch.setattr(launch.shutil, "which", lambda _: found)
    job = TWO_NODES | SECOND_NODE | ({} if found is None else {"SLURM_JOB_NODELIST": ""})
    with pytest.raises(InputError, match=lacking):
        launch_command("fsdp2", ["train"], job, 8)


@pytest.mark.skipif(find_spec("deepspeed") is None, reason="DeepSpeed is an extra of the project")
def test_zero2_trains_as_plain_processes(
    tmp_path: Path, settings_of: Settings, command: Any
) -> None:
    settings = {"max_steps": 2, "learning_rate": 1e-4, "save_every": 1}
    plain, shared = tmp_path / "plain", tmp_path / "shared"
    run(command(settings_of(**settings, launch="cpu-2"), plain))
    trained = command(settings_of(**settings, launch="zero2"), shared)
    file = Path(launch.__file__).parent / "zero2.yaml"
    how = ["--num_processes", "2", "--mixed_precision", "no", "--main_process_port", "0"]
    place = ["--config_file", str(file), "--module", *trained[2:]]
    run([trained[0], "-m", "accelerate.commands.launch", *how, *place], DS_ACCELERATOR="cpu")
    assert (shared / "checkpoints" / "checkpoint-2" / "global_step2").is_dir()  # DeepSpeed's own
    together = weights_after(shared, 2)
    for name, value in weights_after(plain, 2).items():
        torch.testing.assert_close(together[name], value, atol=1e-6, rtol=0)


def test_fsdp2_wraps_layers_of_the_policy(base_layers: set[str]) -> None:
    """accelerate shards nothing on the CPU, so only the names of layers are checked."""
    file = Path(launch.__file__).parent / "fsdp2.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))["fsdp_config"]
    assert set(config["fsdp_transformer_layer_cls_to_wrap"].split(",")) <= base_layers
    assert config["fsdp_version"] == 2


def test_two_processes_fine_tune_as_one(
    tmp_path: Path, training_set: Any, settings_of: Settings, command: Any
) -> None:
    how = {"method": "sft", "max_steps": 3, "videos_per_device": 3}
    training_set.start(settings_of(**how, gradient_accumulation=2), tmp_path / "one")
    run(command(settings_of(**how, launch="cpu-2"), tmp_path / "two"))
    assert_close(tmp_path / "two", tmp_path / "one", training_set.folder / "base", 3)
    assert len(pd.read_csv(tmp_path / "two" / "history.csv")) == 3
