"""Does the demo come out on a GPU as on the CPU? Predictions, training, training that goes on.

Takes a finished demo (`make demo`) and, on one of its sets: asks the trained policy on the CPU in
float32 and on the GPU in float32 and bfloat16, and trains the run `grpo` a few steps in each of
these ways from the same base; on the GPU twice, and once stopped and started again. Baseline: the
CPU, in the same run. Where there is no GPU the ways on it are skipped, and said to be.

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

WAYS = {
    "cpu fp32": ("cpu", "fp32"),
    "gpu fp32": ("cuda", "fp32"),
    "gpu bf16": ("cuda", "bf16"),
}
BASELINE = "cpu fp32"


def main() -> None:
    """Ask and train in every way and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--project", type=Path, default=Path(), help="folder of a finished demo")
    parser.add_argument("--set", default="demo_indomain", help="whose clips are used")
    parser.add_argument("--steps", type=int, default=8, help="of training")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    arguments = parser.parse_args()
    ways = {name: way for name, way in WAYS.items() if way[0] == "cpu" or torch.cuda.is_available()}
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(arguments, Path(folder))
        asked = {name: demo.ask(*way) for name, way in ways.items()}
        trained = {name: demo.train(name, *way) for name, way in ways.items()}
        for name in [name for name in ways if name != BASELINE]:
            trained[f"{name}, again"] = demo.train(f"{name}, again", *ways[name])
            trained[f"{name}, stopped"] = demo.train(f"{name}, stopped", *ways[name], stop=True)
    report = {
        "what": f"the demo's policy asked and trained on {arguments.set}",
        "ratios": {
            f"{name} over {BASELINE}": {
                "asked": asked[BASELINE].attrs["seconds"] / asked[name].attrs["seconds"],
                "trained": trained[BASELINE]["seconds"] / trained[name]["seconds"],
            }
            for name in ways
            if name != BASELINE
        },
        "seconds": {name: said.attrs["seconds"] for name, said in asked.items()},
        "counts": {"clips": len(asked[BASELINE]), "steps": arguments.steps},
        "asked": _compared(asked),
        "trained": trained,
        "skipped": {name: "no GPU" for name in WAYS if name not in ways},
        "machine": describe_machine(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers", "trl")},
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({name: report[name] for name in ("asked", "trained")}, indent=2))  # noqa: T201


class Demo:
    """The demo's files and parameters, and a folder to work in."""

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

    def ask(self, device: str, precision: str) -> pd.DataFrame:
        """Predictions, with MOS and the seconds of the whole."""
        out = self.folder / f"{device}-{precision}.parquet"
        how = self.params.evaluation.model_copy(update={"precision": precision})
        began = time.perf_counter()
        predict(
            self.policy, self.clips, how, self.params.answer, run="grpo", benchmark="set",
            out=out, device=device,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        mos = pd.read_parquet(self.manifest, columns=["video", "mos_training"])
        said = pd.read_parquet(out).merge(mos, on="video", validate="one_to_one")
        said.attrs["seconds"] = seconds
        return said

    def train(
        self, name: str, device: str, precision: str, *, stop: bool = False
    ) -> dict[str, Any]:
        """Train a few steps; what the history says, and a digest of the weights."""
        out, half = self.folder / name.replace(" ", "-"), max(1, self.steps // 2)
        how = self.settings.training
        changes = {"precision": precision, "max_steps": self.steps, "save_every": half}
        settings = self.settings.model_copy(
            update={"training": how.model_copy(update=changes), "device": device}
        )
        began = time.perf_counter()
        self._start(settings, out)
        if stop:  # as one that was killed after the first checkpoint, which is half-way
            (out / "history.csv").unlink()
            _remove(out / "checkpoints" / f"checkpoint-{self.steps}")
            self._start(settings, out)
        seconds = time.perf_counter() - began
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


def _compared(asked: dict[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """SRCC and PLCC by way, and how far scores and completions are from the baseline's."""
    base = asked[BASELINE]
    return {
        name: {
            "n": len(said),
            "srcc": float(spearmanr(said["score"], said["mos_training"]).statistic),
            "plcc": float(said["score"].corr(said["mos_training"])),
            "largest_difference_of_score": float((said["score"] - base["score"]).abs().max()),
            "same_completions": float((said["completion"] == base["completion"]).mean()),
        }
        for name, said in asked.items()
    }


if __name__ == "__main__":
    main()
