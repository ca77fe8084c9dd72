"""A project in which every command has run once, on a data set of six tiny videos."""

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.phases.parameters import merge
from vqathinker.policy.folder.checkpoint import load_policy, save_policy
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.video.ffmpeg import ffmpeg_binary

VIDEOS = 6
SMALL: dict[str, Any] = {
    "data": {"train": "mine", "in_domain": ["mine"], "out_of_distribution": []},
    "clips": {"train_setting": "6x56", "test_setting": "6x56", "shard_size": VIDEOS},
    "base": {
        "vision": {"hidden_size": 32, "layers": 1, "heads": 2, "patch_size": 14},
        "text": {"hidden_size": 32, "layers": 2, "heads": 2},
        "perception": {"steps": 1, "batch_size": 2},
        "answer_format": {"steps": 1, "batch_size": 2},
    },
    "training": {"group_size": 2, "videos_per_device": 2, "max_steps": 1, "max_new_tokens": 4},
    "evaluation": {
        "batch_size": VIDEOS,
        "max_new_tokens": 4,
        "sampling": {"answers": 2},
        "expectation": {"missing": 0.5, "steps": 2, "branches": 2},
    },
    "preference": {"benchmarks": ["mine"]},
    "understanding": {"tasks": {"mine": {"kind": "made", "set": "mine", "file": "kinds.csv"}}},
}
# A valid call of every command, in the order of the pipeline; `<` marks inputs, `>` outputs.
CALLS = {
    "data new": "mine --labels <data/mine/source/labels.csv",
    "data fetch": "mine",
    "data manifest": "mine --source <data/mine/source",
    "data status": "mine",
    "data check": "mine",
    "decode": "--manifest <data/mine/manifest.parquet --source <data/mine/source --setting 6x56 "
    "--shard 0 --output >clips.safetensors",
    "perturb": "--manifest <data/mine/manifest.parquet --setting 6x56 "
    "--output >perturbations.parquet",
    "base": "--clips <clips.safetensors --degradations <degradations.csv --output >base",
    "train": "grpo --policy <base --manifest <data/mine/manifest.parquet "
    "--clips <clips.safetensors --perturbations <perturbations.parquet --output >run",
    "export": "grpo --from <run --output >policy",
    "predict": "--policy <policy --run grpo --benchmark mine --clips <clips.safetensors "
    "--output >predictions.parquet",
    "score": "<data/mine/source/videos/0.mp4 --policy <policy --format json --output >scores.json",
    "predict-perturbed": "--policy <policy --run grpo --benchmark mine --clips <clips.safetensors "
    "--manifest <data/mine/manifest.parquet --output >perturbed.parquet",
    "merge-predictions": "--predictions <predictions.parquet --output >gathered.parquet",
    "metrics": "--manifest <data/mine/manifest.parquet --predictions <predictions.parquet "
    "--clips <clips.safetensors --output >metrics.json",
    "preference": "--manifest <data/mine/manifest.parquet --perturbed <perturbed.parquet "
    "--output >preference.json",
    "skip-missing": "grpo mine --missing mine --output >absent.json",
    "understanding ask": "mine --policy <policy --run grpo --questions <degradations.csv "
    "--clips <clips.safetensors --output >answers.parquet",
    "understanding measure": "mine --questions <degradations.csv --answers <answers.parquet "
    "--output >measures.json",
    "tables": "--metrics <metrics.json --predictions <predictions.parquet "
    "--manifest <data/mine/manifest.parquet --preference <preference.json "
    "--understanding <measures.json --output >results/tables",
    "figures": "--predictions <predictions.parquet --manifest <data/mine/manifest.parquet "
    "--history <run/history.csv --preference <preference.json "
    "--output >results/figures",
    "thumbnails": "--clips <clips.safetensors --output >thumbnails/mine",
    "report": "--tables <results/tables --figures <results/figures "
    "--predictions <predictions.parquet --manifest <data/mine/manifest.parquet "
    "--perturbed <perturbed.parquet --thumbnails <thumbnails/mine --output >results/report.html",
    "metrics-json": "--tables <results/tables --output >results/numbers",
    "summary": "<results",
    "explain": "<results scoring grpo/mine n",
    "verify": "<results",
    "archive": "<results --output >archive.zip",
    "policy convert": "<with-slowfast --output >original",
    "policy import": "<original --output >imported --setting 6x56",
    "policy describe": "<policy",
    "policy card": "policy --tables <results/tables/scoring.md",
}
WITH_PARAMS = {name for name in CALLS if name.split()[0] != "policy"} - {
    "merge-predictions", "figures", "thumbnails", "metrics-json", "summary", "explain", "verify",
    "score",
}  # fmt: skip


def call(command: str) -> list[str]:
    """The words of a valid call, with their marks."""
    params = ["--params", "<params.yaml"] if command in WITH_PARAMS else []
    return [*command.split(), *CALLS[command].split(), *params]


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Path]:
    """The folder of the project, which is the working directory; do not change it."""
    folder = tmp_path_factory.mktemp("project")
    before = Path.cwd()
    os.chdir(folder)
    try:
        _make_inputs(folder, root)
        for command in CALLS:
            if command == "policy convert":
                _write_policy_with_slowfast()
            done = CliRunner().invoke(app, [word.lstrip("<>") for word in call(command)])
            assert done.exit_code == 0, f"{command}: {done.output}"
        yield folder
    finally:
        os.chdir(before)


def _write_policy_with_slowfast() -> None:
    # The authors' layout supports no other motion encoder.
    model, tokenizer, _ = load_policy(Path("policy"))
    config = copy.deepcopy(model.config)
    config.motion = {"encoder": "slowfast_r50"}
    policy = VQAThinkerForConditionalGeneration(config)
    save_policy(policy, tokenizer, Path("with-slowfast"), "tiny\n", {})


def _make_inputs(folder: Path, root: Path) -> None:
    shutil.copy(root / "Snakefile", folder)
    config = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    demo = merge(copy.deepcopy(config["scales"]["demo"]), SMALL)
    demo["data"]["counts"], demo["data"]["demo"] = {"mine": VIDEOS}, None
    (folder / "params.yaml").write_text(
        yaml.safe_dump({**config, "scales": {"demo": demo}}), encoding="utf-8"
    )
    videos = folder / "data" / "mine" / "source" / "videos"
    videos.mkdir(parents=True)
    names = [f"{number}.mp4" for number in range(VIDEOS)]
    for number, name in enumerate(names):
        picture = ("-f", "lavfi", "-i", f"testsrc2=size=64x64:rate=8,hue=h={number * 40}")
        command = [ffmpeg_binary(), "-loglevel", "error", *picture, "-frames:v", "8"]
        subprocess.run([*command, "-pix_fmt", "yuv420p", str(videos / name)], check=True)
    labels = [f"{name},{1 + number / 2}" for number, name in enumerate(names)]
    (videos.parent / "labels.csv").write_text(
        "\n".join(["video,mos", *labels, ""]), encoding="utf-8"
    )
    kinds = [f"{name},blur,0.{number}" for number, name in enumerate(names)]
    (folder / "degradations.csv").write_text("\n".join(["video,kind,strength", *kinds, ""]))
