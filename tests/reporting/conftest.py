"""A small finished scale: two runs on two benchmarks, one of the runs trained."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from vqathinker.evaluation.metrics import write_metrics
from vqathinker.evaluation.predictions import write_predictions
from vqathinker.params import IntervalsParams
from vqathinker.reporting.page.write import PageSources
from vqathinker.reporting.plot_data import panels_for, training_curves
from vqathinker.reporting.tables import Inputs, write_tables
from vqathinker.video.store import write_shard
from vqathinker.video.thumbnails import write_thumbnails

QUICK = IntervalsParams(resamples=200, seed=7, confidence=0.95)
VIDEOS = 12
FRAMES = 4
HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = [f"{number:02d}.mp4" for number in range(VIDEOS)]
MOS = np.linspace(1, 5, VIDEOS)
RUNS = {"base": 0.0, "grpo": 1.0}  # how steeply scores follow the MOS
BENCHMARKS = {"seen": "in-domain", "unseen": "out-of-distribution"}


@dataclass(frozen=True)
class Scale:
    """Paths of what the reporting reads."""

    root: Path

    @property
    def predictions(self) -> list[Path]:
        folder = self.root / "predictions"
        return [folder / run / f"{name}.parquet" for run in RUNS for name in BENCHMARKS]

    @property
    def manifests(self) -> dict[str, Path]:
        return {name: self.root / name / "manifest.parquet" for name in BENCHMARKS}

    @property
    def histories(self) -> dict[str, Path]:
        return {"grpo": self.root / "history.csv"}

    @property
    def params(self) -> Path:
        return self.root / "report.yaml"

    @property
    def thumbnails(self) -> list[Path]:
        return [self.root / "thumbnails" / name for name in BENCHMARKS]

    @property
    def perturbed(self) -> list[Path]:
        return [self.root / "perturbed" / "seen.parquet"]

    @property
    def sources(self) -> PageSources:
        return PageSources(
            self.tables, self.figures, self.params, tuple(self.predictions), self.manifests,
            tuple(self.perturbed), tuple(self.thumbnails),
        )  # fmt: skip

    @property
    def tables(self) -> Path:
        return self.root / "tables"

    @property
    def figures(self) -> Path:
        return self.root / "figures"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Scale:
    """A scale with its figures; only for reading."""
    scale = Scale(tmp_path_factory.mktemp("finished") / "demo")
    scale.root.mkdir()
    scale.params.write_text(yaml.safe_dump(job()), encoding="utf-8")
    for name, domain in BENCHMARKS.items():
        scale.manifests[name].parent.mkdir()
        manifest(domain).to_parquet(scale.manifests[name])
    metrics = []
    for path in scale.predictions:
        run, name = path.parent.name, path.stem
        write_predictions(path, said(run), origin(run, name))
        metrics.append(scale.root / "metrics" / run / f"{name}.json")
        write_metrics(scale.manifests[name], path, {}, metrics[-1], intervals=QUICK)
    inputs = Inputs(metrics, scale.predictions, list(scale.manifests.values()))
    write_tables(scale.params, inputs, scale.tables)
    steps = np.arange(1, 61)
    columns = panels_for(["rewards/regression", "rewards/temporal"])
    history = pd.DataFrame({"step": steps, **{name: np.sqrt(steps) for name in columns}})
    history.to_csv(scale.histories["grpo"], index=False)
    scale.figures.mkdir()
    training_curves(scale.histories).to_csv(scale.figures / "training_curve.csv", index=False)
    _write_what_points_open(scale)
    return scale


def _write_what_points_open(scale: Scale) -> None:
    """Clips of one colour each, and copies of the second video."""
    shade = torch.arange(20, 20 * VIDEOS, 20, dtype=torch.uint8)  # of every video but the first
    frames = shade.view(-1, 1, 1, 1, 1).expand(-1, FRAMES, 3, 28, 28)
    indices = torch.arange(FRAMES).expand(VIDEOS - 1, FRAMES)
    for folder in scale.thumbnails:
        shard = scale.root / f"{folder.name}.safetensors"
        write_shard(shard, NAMES[1:], frames, indices, {}, f"{FRAMES}x28", {})
        write_thumbnails([shard], folder)
    copies = pd.DataFrame({"video": NAMES[1], "kind": ["raw", "reverse"], "score": [1.0, 2.0]})
    copies = copies.assign(completion=HOSTILE, parse_status="ok", greedy=copies["score"])
    kinds = {"kinds": ["reverse"], "window": 4, "jitter": 1, "duplicate_max": 3, "drop_max": 3}
    drawn = {"perturbations": kinds, "seed": 7, "setting": f"{FRAMES}x28"}
    write_predictions(scale.perturbed[0], copies, origin("grpo", "seen") | drawn)


@pytest.fixture
def scale(finished: Scale, tmp_path: Path) -> Scale:
    """A copy without figures, to be changed."""
    no_figures = shutil.ignore_patterns("figures")
    return Scale(shutil.copytree(finished.root, tmp_path / "demo", ignore=no_figures))


def job() -> dict[str, Any]:
    """The file of the job `tables`: what tables know of a scale."""
    data = {
        "train": "mine", "in_domain": ["seen"], "out_of_distribution": ["unseen"],
        "counts": {"mine": 900, **dict.fromkeys(BENCHMARKS, VIDEOS)}, "cards": "cards",
        "demo": None,
    }  # fmt: skip
    runs = {"base": {"train": False, "seed": 42}, "grpo": {"train": True, "seed": 42}}
    report = {"title": "Mine", "method": "grpo", "resamples": 200}
    metrics = {"allow_incomplete": False, "intervals": QUICK.model_dump()}
    understanding = {"tasks": {}, "seed": 7, "max_questions": None, "answer_by": "generated"}
    params = {
        "data": data,
        "understanding": understanding,
        "runs": runs,
        "report": report,
        "metrics": metrics,
    }
    return {"params": params}


def manifest(domain: str) -> pd.DataFrame:
    """The first video cannot be decoded."""
    bad, good = ["no_index", "<no> moov atom"], ["ok", None]
    state = pd.DataFrame([bad, *[good] * (VIDEOS - 1)], columns=["status", "reason"])
    known = {"mos": MOS, "mos_training": MOS, "content": None, "kind": None, "domain": domain}
    known |= {"width": 640, "height": 360, "fps": 30.0, "duration_s": 8.0, "codec": "h264"}
    return state.assign(video=NAMES, **known)


def said(run: str) -> pd.DataFrame:
    """Scores rise by 0.01 a video, and with the MOS; the sixth answer cannot be read."""
    score = 3 + RUNS[run] * (MOS - 3) + 0.01 * np.arange(VIDEOS)
    score[5] = np.nan
    completion = [f"<think>{run} {name}</think>" for name in NAMES]
    table = pd.DataFrame({"video": NAMES, "score": score, "completion": completion})
    status = np.where(np.isnan(score), "not_a_number", "ok")
    return table.assign(parse_status=status, greedy=score)[1:]


def origin(run: str, benchmark: str) -> dict[str, Any]:
    return {
        "run": run,
        "benchmark": benchmark,
        "code": {"revision": "0123abc"},
        "policy_sha256": f"{run}-hash",
        "manifest_sha256": f"{benchmark}-hash",
        "made": f"2026-01-01T10:00:0{len(benchmark)}",
    }
