"""Compare the demo on a GPU and on the CPU: predictions, training, and resumed training.

Needs a finished demo (`make demo`). On one of its sets, it predicts scores with the trained policy
and trains a few steps of the run `grpo` from the same base: on the CPU in float32, on the GPU in
float32 and bfloat16. On the GPU, it trains twice, and once with an interruption. The baseline is
the CPU in the same run. Without a GPU, only the CPU is measured.

    python benchmarks/gpu/demo.py --project . --output demo.json
"""

import argparse
import hashlib
import json
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from scipy.stats import spearmanr

from vqathinker.evaluation.predict import predict
from vqathinker.params import RunSettings, load_all, load_run
from vqathinker.policy.machine import describe_machine
from vqathinker.training.run import train
from vqathinker.video.perturb import draw_perturbations, write_perturbations
from vqathinker.video.store import ClipStore

VARIANTS = {
    "cpu fp32": ("cpu", "fp32"),
    "gpu fp32": ("cuda", "fp32"),
    "gpu bf16": ("cuda", "bf16"),
}
BASELINE = "cpu fp32"


def main() -> None:
    """Predict and train in all variants and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--project", type=Path, default=Path(), help="folder of a finished demo")
    parser.add_argument("--set", default="demo_indomain", help="data set whose clips are used")
    parser.add_argument("--steps", type=int, default=8, help="training steps")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    variants = {
        name: variant
        for name, variant in VARIANTS.items()
        if variant[0] == "cpu" or torch.cuda.is_available()
    }
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(arguments, Path(folder))
        predictions = {name: demo.predict(*variant) for name, variant in variants.items()}
        trained = {name: demo.train(name, *variant) for name, variant in variants.items()}
        for name in [name for name in variants if name != BASELINE]:
            trained[f"{name}, again"] = demo.train(f"{name}, again", *variants[name])
            trained[f"{name}, stopped"] = demo.train(f"{name}, stopped", *variants[name], stop=True)
    report = {
        "what": f"predictions and training of the demo on {arguments.set}",
        "ratios": {
            f"{name} over {BASELINE}": {
                "predictions": predictions[BASELINE].attrs["seconds"]
                / predictions[name].attrs["seconds"],
                "trained": trained[BASELINE]["seconds"] / trained[name]["seconds"],
            }
            for name in variants
            if name != BASELINE
        },
        "seconds": {name: table.attrs["seconds"] for name, table in predictions.items()},
        "counts": {"clips": len(predictions[BASELINE]), "steps": arguments.steps},
        "predictions": _compare(predictions),
        "trained": trained,
        "skipped": {name: "no GPU" for name in VARIANTS if name not in variants},
        "machine": describe_machine(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers", "trl")},
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: report[name] for name in ("predictions", "trained")}, indent=2))  # noqa: T201


class Demo:
    """Files and parameters of the demo, and a working folder."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        """Read the parameters, and draw the perturbations of the set's clips."""
        project, self.folder, self.steps = arguments.project, folder, arguments.steps
        self.params = load_all(project / "params.yaml")
        self.settings = load_run(project / "params.yaml", "grpo")
        self.base = project / "models/base/demo"
        self.policy = project / "models/demo/grpo/policy"
        self.manifest = project / "data" / arguments.set / "manifest.parquet"
        self.clips = sorted((project / "clips" / arguments.set).glob("*/*.safetensors"))
        store = ClipStore(self.clips)
        draws = draw_perturbations(
            store.ids, len(store.frames(store.ids[0])), self.params.seed,
            self.params.clips.perturbations,
        )  # fmt: skip
        self.perturbations = folder / "perturbations.parquet"
        write_perturbations(draws, self.perturbations, {})

    def predict(self, device: str, precision: str) -> pd.DataFrame:
        """Predictions with MOS; their attributes include the seconds."""
        out = self.folder / f"{device}-{precision}.parquet"
        how = self.params.evaluation.model_copy(update={"precision": precision})
        start = time.perf_counter()
        predict(
            self.policy, self.clips, how, self.params.answer, run="grpo", benchmark="set",
            out=out, device=device,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        mos = pd.read_parquet(self.manifest, columns=["video", "mos_training"])
        table = pd.read_parquet(out).merge(mos, on="video", validate="one_to_one")
        table.attrs["seconds"] = seconds
        return table

    def train(
        self, name: str, device: str, precision: str, *, stop: bool = False
    ) -> dict[str, Any]:
        """Train a few steps; return times, last row of the history, and hash of the weights."""
        out, half = self.folder / name.replace(" ", "-"), max(1, self.steps // 2)
        how = self.settings.training
        changes = {"precision": precision, "max_steps": self.steps, "save_every": half}
        settings = self.settings.model_copy(
            update={"training": how.model_copy(update=changes), "device": device}
        )
        start = time.perf_counter()
        self._start(settings, out)
        if stop:  # as if killed after the first checkpoint, at half of the steps
            (out / "history.csv").unlink()
            _remove(out / "checkpoints" / f"checkpoint-{self.steps}")
            self._start(settings, out)
        seconds = time.perf_counter() - start
        history = pd.read_csv(out / "history.csv")
        times = pd.read_csv(out / "times.csv")
        last = out / "checkpoints" / f"checkpoint-{self.steps}"
        weights = b"".join(path.read_bytes() for path in sorted(last.glob("*.safetensors")))
        return {
            "seconds": seconds,
            "weights": hashlib.sha256(weights).hexdigest()[:16],
            "last": {key: float(value) for key, value in history.iloc[-1].dropna().items()},
            "times_of_a_step": {key: float(value) for key, value in times.median().items()},
        }

    def _start(self, settings: RunSettings, out: Path) -> None:
        train(
            "grpo", settings, policy=self.base, manifest=self.manifest, clips=self.clips,
            perturbations=self.perturbations, out=out, times=out / "times.csv",
        )  # fmt: skip


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _compare(predictions: dict[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """SRCC and PLCC by variant, and differences of scores and completions from the baseline."""
    base = predictions[BASELINE]
    return {
        name: {
            "n": len(table),
            "srcc": float(spearmanr(table["score"], table["mos_training"]).statistic),
            "plcc": float(table["score"].corr(table["mos_training"])),
            "largest_difference_of_score": float((table["score"] - base["score"]).abs().max()),
            "same_completions": float((table["completion"] == base["completion"]).mean()),
        }
        for name, table in predictions.items()
    }


if __name__ == "__main__":
    main()
