"""Results of a small scale: two runs on two benchmarks; one run is trained."""

import shutil
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
from vqathinker.reporting.plot_data import panel_titles, training_curves
from vqathinker.reporting.tables import TableInputs, write_tables
from vqathinker.video.store import write_shard
from vqathinker.video.thumbnails import write_thumbnails

QUICK = IntervalsParams(resamples=200, seed=7, confidence=0.95)
VIDEOS = 12
FRAMES = 4
HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = [f"{number:02d}.mp4" for number in range(VIDEOS)]
MOS = np.linspace(1, 5, VIDEOS)
RUNS = {"base": 0.0, "grpo": 1.0}  # slope of the scores against the MOS
BENCHMARKS = {"seen": "in-domain", "unseen": "out-of-distribution"}


class Scale:
    """Paths of the report's inputs."""

    def __init__(self, root: Path) -> None:
        self.root, self.params = root, root / "report.yaml"
        self.tables, self.figures = root / "tables", root / "figures"
        self.predictions = [
            root / "predictions" / run / f"{name}.parquet" for run in RUNS for name in BENCHMARKS
        ]
        self.manifests = {name: root / name / "manifest.parquet" for name in BENCHMARKS}
        self.histories = {"grpo": root / "history.csv"}
        self.thumbnails = [root / "thumbnails" / name for name in BENCHMARKS]
        self.perturbed = [root / "perturbed" / "seen.parquet"]
        self.sources = PageSources(
            self.tables, self.figures, self.params, tuple(self.predictions), self.manifests,
            tuple(self.perturbed), tuple(self.thumbnails),
        )  # fmt: skip


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Scale:
    """A scale with its figures; read-only."""
    scale = Scale(tmp_path_factory.mktemp("finished") / "demo")
    scale.root.mkdir()
    scale.params.write_text(yaml.safe_dump(job()), encoding="utf-8")
    for name, domain in BENCHMARKS.items():
        scale.manifests[name].parent.mkdir()
        manifest(domain).to_parquet(scale.manifests[name])
    metrics = []
    for path in scale.predictions:
        run, name = path.parent.name, path.stem
        write_predictions(path, run_predictions(run), origin(run, name))
        metrics.append(scale.root / "metrics" / run / f"{name}.json")
        write_metrics(scale.manifests[name], path, {}, metrics[-1], intervals=QUICK)
    inputs = TableInputs(metrics, scale.predictions, list(scale.manifests.values()))
    write_tables(scale.params, inputs, scale.tables)
    steps = np.arange(1, 61)
    columns = panel_titles(["rewards/regression", "rewards/temporal"])
    history = pd.DataFrame({"step": steps, **{name: np.sqrt(steps) for name in columns}})
    history.to_csv(scale.histories["grpo"], index=False)
    scale.figures.mkdir()
    training_curves(scale.histories).to_csv(scale.figures / "training_curve.csv", index=False)
    _write_clips_and_copies(scale)
    return scale


def _write_clips_and_copies(scale: Scale) -> None:
    """Thumbnails of clips, each of one colour, and copies of the second video."""
    shade = torch.arange(20, 20 * VIDEOS, 20, dtype=torch.uint8)  # every video except the first
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
    """A writable copy without figures."""
    no_figures = shutil.ignore_patterns("figures")
    return Scale(shutil.copytree(finished.root, tmp_path / "demo", ignore=no_figures))


def job() -> dict[str, Any]:
    """The parameter file of the job `tables`."""
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
    """A manifest whose first video cannot be decoded."""
    bad, good = ["no_index", "<no> moov atom"], ["ok", None]
    state = pd.DataFrame([bad, *[good] * (VIDEOS - 1)], columns=["status", "reason"])
    known = {"mos": MOS, "mos_training": MOS, "content": None, "kind": None, "domain": domain}
    known |= {"width": 640, "height": 360, "fps": 30.0, "duration_s": 8.0, "codec": "h264"}
    return state.assign(video=NAMES, **known)


def run_predictions(run: str) -> pd.DataFrame:
    """Scores rise by 0.01 per video and with the MOS; the sixth answer has no score."""
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
