"""Every benchmark runs at its smallest size and writes a report in the common format."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from vqathinker.video.store import ClipStore, write_shard

SMALL = {
    "decode.py": ["--quick"],
    "storage.py": ["--quick"],
    "rewards.py": ["--quick"],
    "intervals.py": ["--quick"],
    "evaluate.py": ["--quick"],
    "score.py": ["--quick"],
    "grpo_step.py": ["--shape", "tiny", "--device", "cpu"],
    "gpu/attention.py": ["--tiny"],
    "gpu/policy.py": ["--tiny", "--clips", "1", "--tokens", "4"],
}
WITH_DEMO = {"gpu/demo.py"}
# Modules of benchmarks.
MODULES = ("stage.py", "sample_videos.py", "grpo/")
COMMON_KEYS = {"what", "ratios", "seconds", "counts", "machine", "versions"}


@pytest.mark.parametrize("script", SMALL)
def test_a_benchmark_writes_a_report(root: Path, tmp_path: Path, script: str) -> None:
    out = tmp_path / "report.json"
    command = [sys.executable, root / "benchmarks" / script, *SMALL[script]]
    done = subprocess.run(
        [*command, "--repeats", "1", "--output", out], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text(encoding="utf-8"))
    assert set(report) >= COMMON_KEYS
    assert report["ratios"]
    assert report["seconds"]


def test_every_benchmark_is_tested(root: Path) -> None:
    folder = root / "benchmarks"
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.py")]
    assert {name for name in names if not name.startswith(MODULES)} == {*SMALL, *WITH_DEMO}


def test_the_benchmark_of_the_demo_evaluates_and_trains(
    root: Path, tmp_path: Path, config: dict[str, Any], tiny_base: Path, tiny_clips: Path
) -> None:
    project, clips = tmp_path / "project", tmp_path / "project/clips/demo_indomain/6x56"
    for folder in ("models/base/demo", "models/demo/grpo/policy"):
        shutil.copytree(tiny_base, project / folder)
    clips.mkdir(parents=True)
    shutil.copy(tiny_clips, clips / "0000.safetensors")
    table = {"video": ClipStore([tiny_clips]).ids}
    table["mos_training"] = [1 + 0.5 * number for number in range(len(table["video"]))]
    (project / "data/demo_indomain").mkdir(parents=True)
    pd.DataFrame(table).to_parquet(project / "data/demo_indomain/manifest.parquet")
    config["scales"]["demo"]["training"] |= {"videos_per_device": 2, "gradient_accumulation": 1}
    (project / "params.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, root / "benchmarks/gpu/demo.py", "--project", project]
    done = subprocess.run(
        [*command, "--steps", "1", "--output", tmp_path / "report.json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert set(report) >= COMMON_KEYS
    assert report["predictions"]["cpu fp32"]["same_completions"] == 1
    assert report["trained"]["cpu fp32"]["last"]["step"] == 1


def test_our_grpo_step_computes_the_same_as_the_authors_recipe(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(root / "benchmarks")
    from grpo import ours, recipe
    from grpo.shapes import shape_of
    from grpo.step import END, prepare

    shape = shape_of("tiny")
    setup = prepare(shape, torch.device("cpu"), _clips(tmp_path, shape), True, "adamw")
    wanted = setup.lengths()[0].tolist()
    ids, done = ours.rollout(setup), recipe.rollout(setup)
    for completions in (ids, done.completions):
        assert [len(completion) for completion in completions] == wanted
        assert all(ids.index(END) == len(ids) - 1 for ids in completions)
    now, mask = ours.log_probs(setup, setup.policy.train(), done.completions)
    expected, _ = recipe.log_probs(setup, setup.policy, done)
    torch.testing.assert_close(now * mask, expected * mask, rtol=0, atol=1e-5)
    tokens = setup.counter.step().tokens
    assert tokens["prefill"]["prompt_tokens"] == (2 * (1 + 4) + 2 * (4 + 4)) * len(shape.prompt())
    assert tokens["encode"]["frames"] == 2 * 6 + 1 + 2 * (4 + 4) * 6


def _clips(folder: Path, shape: Any) -> ClipStore:
    pixels = torch.randint(256, (2, 6, 3, 112, 112), dtype=torch.uint8)
    indices = torch.arange(6).expand(2, -1)
    write_shard(folder / "clips", ["a", "b"], pixels, indices, {}, shape.setting, {})
    return ClipStore([folder / "clips"])
