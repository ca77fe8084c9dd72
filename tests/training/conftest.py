"""A training set of six clips, and a base policy that sometimes answers a digit or ends early."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from vqathinker.params import PerturbationParams, RunSettings
from vqathinker.phases.parameters import merge, resolve

TRAINING = {
    "group_size": 4, "videos_per_device": 2, "gradient_accumulation": 1, "learning_rate": 1e-3,
    "schedule": "linear", "warmup_steps": 0, "max_steps": 3, "beta": 0.04, "temperature": 1.0,
    "max_new_tokens": 6, "loss_type": "grpo", "precision": "fp32", "gradient_checkpointing": False,
    "freeze": ["vision"], "keep_encoded": True, "lora": None,
    "launch": "single", "save_every": 2, "keep": 9,
}  # fmt: skip
# The base policy answers digits without tags, which the strict reading does not accept.
AUTHORS = {"parsing": "authors", "range": None}
WEIGHTS = {"regression": 1.0, "ranking": 1.0, "format": 1.0, "temporal": 1.0}


Settings = Callable[..., RunSettings]


def weights_after(out: Path, step: int) -> dict[str, torch.Tensor]:
    """The weights, or the adapters, of a run's checkpoint."""
    [path] = (out / "checkpoints" / f"checkpoint-{step}").glob("*model.safetensors")
    return load_file(path)


def same_weights(out: Path, other: Path, step: int) -> bool:
    one, two = weights_after(out, step), weights_after(other, step)
    return all(torch.equal(two[name], value) for name, value in one.items())


def drop_checkpoints(out: Path, after: int) -> None:
    """Make a run look as if it was killed after this step."""
    for path in (out / "checkpoints").iterdir():
        if int(path.name.rpartition("-")[2]) > after:
            shutil.rmtree(path)
    (out / "history.csv").unlink()


def by_whole_forwards(
    policy: Any, clips: Path, videos: list[str], input_ids: torch.Tensor, tokens: int,
    temperature: float = 1.0,
) -> torch.Tensor:  # fmt: skip
    """Log-probabilities (rows, tokens, vocabulary) of the last tokens, without sharing prompts."""
    from vqathinker.policy.config import normalise
    from vqathinker.video.store import ClipStore

    pixels = normalise(ClipStore([clips]).batch(videos).pixels)
    logits = policy(input_ids=input_ids, pixel_values=pixels).logits[:, -tokens - 1 : -1]
    image = torch.arange(logits.shape[-1]) == policy.config.image_token_id  # never sampled
    return (logits.masked_fill(image, -1e9) / temperature).log_softmax(-1)


class RolloutCall(NamedTuple):
    """One call of `RolloutSampler.sample`."""

    batch: int
    videos: list[str]
    rollouts: Any


@pytest.fixture
def rollout_calls(monkeypatch: pytest.MonkeyPatch) -> list[RolloutCall]:
    """All batches of rollouts."""
    from vqathinker.training.rollouts import RolloutSampler

    sample, calls = RolloutSampler.sample, []

    def watched(self: RolloutSampler, policy: Any, videos: Any, batch: int, seed: int) -> Any:
        done = sample(self, policy, videos, batch, seed)
        calls.append(RolloutCall(batch, list(videos), done))
        return done

    monkeypatch.setattr(RolloutSampler, "sample", watched)
    return calls


@dataclass(frozen=True)
class TrainingSet:
    """The files that `train` reads."""

    folder: Path
    clips: Path
    mos: dict[str, float]

    def start(self, settings: RunSettings, out: Path, **changes: Any) -> None:
        from vqathinker.training.run import train

        files = {
            "clips": [self.clips],
            "policy": self.folder / "base",
            "manifest": self.folder / "manifest.parquet",
            "perturbations": self.folder / "perturbations.parquet",
        }
        train("grpo", settings, out=out, **(files | changes))


@pytest.fixture(scope="session")
def training_set(
    tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, tiny_clips: Path
) -> TrainingSet:
    from vqathinker.video.perturb import KINDS, draw_perturbations, write_perturbations

    folder = tmp_path_factory.mktemp("training")
    write_answering_policy(tiny_base, tiny_clips, folder / "base")
    mos = {f"clip{number}.mp4": 1.0 + 0.7 * number for number in range(6)}
    labels = {**mos, "broken.mp4": 2.0}
    table = {"video": list(labels), "mos_training": list(labels.values())}
    pd.DataFrame(table).to_parquet(folder / "manifest.parquet")
    how = {"draws": 5, "window": 4, "jitter": 1, "duplicate_max": 3, "drop_max": 3}
    params = PerturbationParams.model_validate({"kinds": list(KINDS), **how})
    write_perturbations(draw_perturbations(mos, 6, 1, params), folder / "perturbations.parquet", {})
    return TrainingSet(folder, tiny_clips, mos)


@torch.no_grad()
def write_answering_policy(base: Path, clips: Path, out: Path) -> None:
    """Raise the probabilities of the digits 1 to 5 and of the end token."""
    from vqathinker.policy.folder.checkpoint import load_policy, save_policy
    from vqathinker.policy.generation import prefill
    from vqathinker.policy.inputs import encode_prompts, prompt_ids
    from vqathinker.video.store import ClipStore

    policy, tokenizer, _ = load_policy(base)
    store = ClipStore([clips])
    ids = prompt_ids(tokenizer, "training", 6, 4)
    prompts = encode_prompts(policy, ids, store.batch(store.ids))
    _, hidden = prefill(policy, prompts)
    for token, share in [*((digit, 0.3) for digit in "12345"), (tokenizer.eos_token, 0.35)]:
        row = tokenizer.convert_tokens_to_ids(token)
        policy.lm_head.weight[row] = share * hidden.mean((0, 1))
    save_policy(policy, tokenizer, out, "", {})


@pytest.fixture(scope="session")
def settings_of(root: Path) -> Settings:
    """settings_of(max_steps=2, weights={…}, temporal={…}, seed=1): settings of a tiny run."""
    config = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    row = resolve(config)["runs"]["grpo"]

    def make(
        *, seed: int = 42, weights: dict[str, float] | None = None,
        temporal: dict[str, Any] | None = None, answer: dict[str, Any] | None = None,
        rewards: dict[str, Any] | None = None, **training: Any,
    ) -> RunSettings:  # fmt: skip
        rewards = {
            "weights": WEIGHTS | (weights or {}), "temporal": temporal or {"perturbed_rollouts": 2},
            **(rewards or {}),
        }  # fmt: skip
        changed = {
            "seed": seed,
            "training": TRAINING | training,
            "rewards": rewards,
            "answer": answer or AUTHORS,
        }
        whole = merge(row, changed)
        return RunSettings.model_validate({key: whole[key] for key in RunSettings.model_fields})

    return make
