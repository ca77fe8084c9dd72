"""One training run: from a base policy, clips and labels to checkpoints and a history."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from filelock import FileLock, Timeout
from tqdm import tqdm
from transformers import PrinterCallback, TrainerCallback
from trl import GRPOConfig

from vqathinker.atomic import whole_file
from vqathinker.params import RunSettings, TrainingParams
from vqathinker.parquet import read_columns
from vqathinker.phases.hashing import code_of_phase
from vqathinker.policy.answer import FAILURES
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.parts import PARTS
from vqathinker.products import MANIFEST
from vqathinker.training.checkpoints import last_whole_checkpoint
from vqathinker.training.rollouts import RolloutSampler
from vqathinker.training.trainer import COMPONENTS, VQAThinkerTrainer
from vqathinker.video.perturbation_table import PerturbationTable
from vqathinker.video.sampling import parse_setting
from vqathinker.video.store import ClipStore

__all__ = ["TrainingError", "train"]


class TrainingError(ValueError):
    """A run cannot be trained as it is set up; the message says what to change."""


def train(
    run: str,
    settings: RunSettings,
    *,
    policy: Path,
    manifest: Path,
    clips: Sequence[Path],
    perturbations: Path,
    out: Path,
    times: Path | None = None,
) -> None:
    """Train `run` and write `out`/checkpoints/ and `out`/history.csv.

    `times` gets what two equal runs differ in: columns step and seconds by the clock.

    A run that was cut short goes on from its last whole checkpoint if base policy, clips, labels,
    settings and code are what they were; otherwise its checkpoints are removed first.

    Raises:
        InputError: the perturbations are not of these clips.
        TrainingError: fewer clips have a label than a step needs, the settings ask for adapters, or
            another process trains this run.
    """
    if settings.training.lora is not None:
        raise TrainingError(
            f"run {run}: training.lora is {settings.training.lora}, but adapters cannot be trained "
            "yet; set it to null to train all weights that `freeze` does not name"
        )
    base = load_policy(policy)
    rows, store = _labelled_clips(manifest, clips)
    _require_a_step(run, manifest, len(rows), settings.training)
    draws = PerturbationTable(perturbations)
    draws.require(rows["prompt"], parse_setting(store.setting).frames)
    fingerprint = _fingerprint(settings, base, manifest, perturbations, store)
    origin = {"run": run, "base": str(policy), "inputs": fingerprint}
    origin |= {"data": str(manifest), "setting": store.setting, "base_policy": base.provenance}
    with _alone(out):
        resume = last_whole_checkpoint(out, fingerprint)
        trainer = _trainer(base, policy, rows, store, settings, draws, out, origin)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(_ProgressBar(run))
        trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    steps = pd.DataFrame([entry for entry in trainer.state.log_history if "reward" in entry])
    with whole_file(out / "history.csv") as part:
        _history(steps).to_csv(part, index=False, lineterminator="\n")
    if times is not None:
        clock = steps[["step", "step_time"]].rename(columns={"step_time": "seconds"})
        with whole_file(times) as part:
            clock.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder; the lock ends with the process that holds it."""
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / ".lock", timeout=0):
            yield
    except Timeout:
        raise TrainingError(
            f"{out}: another process trains this run; wait for it, or stop it first"
        ) from None


def _require_a_step(run: str, manifest: Path, videos: int, how: TrainingParams) -> None:
    needed = how.videos_per_device * how.gradient_accumulation
    if videos < needed:
        raise TrainingError(
            f"{manifest}: {videos} videos have a label and a clip, but a step of run {run} needs "
            f"{needed}: training.videos_per_device {how.videos_per_device} x "
            f"training.gradient_accumulation {how.gradient_accumulation}; lower one of them, or "
            "train on more videos"
        )


def _labelled_clips(manifest: Path, clips: Sequence[Path]) -> tuple[Dataset, ClipStore]:
    store = ClipStore(clips)
    table = read_columns(manifest, ["video", "mos_training"], MANIFEST)
    there = table[table["video"].isin(set(store.ids))].reset_index(drop=True)
    if there.empty:
        raise TrainingError(
            f"{manifest}: none of its {len(table)} videos is among the {len(store.ids)} clips of "
            f"{clips[0]}; decode the set that the manifest describes"
        )
    columns = {"prompt": list(there["video"]), "mos": list(there["mos_training"])}
    return Dataset.from_dict({**columns, "clip": list(range(len(there)))}), store


def _trainer(
    base: Policy, folder: Path, rows: Dataset, store: ClipStore, settings: RunSettings,
    draws: PerturbationTable, out: Path, provenance: dict[str, Any],
) -> VQAThinkerTrainer:  # fmt: skip
    how, rewards = settings.training, settings.rewards
    base.model.config.thinking = settings.prompt.thinking
    _freeze(base.model, how.freeze)
    reference = load_policy(folder).model.requires_grad_(False) if how.beta else None
    frames, size = store.frames(store.ids[0]).shape[0], store.frames(store.ids[0]).shape[-1]
    tokens, thinking = base.model.config.tokens_per_frame(size), settings.prompt.thinking
    ids = prompt_ids(base.tokenizer, "training", frames, tokens, thinking=thinking)
    sampler = RolloutSampler(
        clips=store, ids=ids, end=base.tokenizer.eos_token_id, group=how.group_size,
        max_new_tokens=how.max_new_tokens, temperature=how.temperature,
        keep_encoded=how.keep_encoded,
        copies=(rewards.temporal.copies or how.group_size) if rewards.weights.temporal else 0,
        perturbations=draws,
    )  # fmt: skip
    return VQAThinkerTrainer(
        policy=base.model, reference=reference, tokenizer=base.tokenizer, rows=rows,
        config=_config(settings, out), sampler=sampler, rewards=rewards,
        answer=settings.answer, beta=how.beta, seed=settings.seed, provenance=provenance,
    )  # fmt: skip


def _config(settings: RunSettings, out: Path) -> GRPOConfig:
    how, weights = settings.training, settings.rewards.weights
    return GRPOConfig(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=how.videos_per_device * how.group_size,
        gradient_accumulation_steps=how.gradient_accumulation,
        num_generations=how.group_size,
        max_completion_length=how.max_new_tokens,
        temperature=how.temperature,
        top_k=0,
        beta=0.0,  # set on the trainer, together with the reference
        epsilon=how.epsilon,
        loss_type=how.loss_type,
        scale_rewards="group",
        reward_weights=[getattr(weights, name) for name in COMPONENTS],
        learning_rate=how.learning_rate,
        lr_scheduler_type=how.schedule,
        warmup_steps=how.warmup_steps,
        num_train_epochs=how.epochs,
        max_steps=how.max_steps or -1,
        max_grad_norm=how.max_grad_norm,
        weight_decay=how.weight_decay,
        bf16=how.precision == "bf16",
        activation_checkpointing=how.gradient_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        save_strategy="steps",
        save_steps=how.save_every,
        save_total_limit=2,
        logging_steps=how.log_every,
        seed=settings.seed,
        data_seed=settings.seed,
        report_to=[],
        disable_tqdm=True,
    )


def _freeze(policy: VQAThinkerForConditionalGeneration, parts: Sequence[str]) -> None:
    for part in parts:
        for name, parameter in policy.named_parameters():
            if name.startswith(PARTS[part]):
                parameter.requires_grad_(False)


class _ProgressBar(TrainerCallback):
    """A bar with the rewards; quiet when nobody watches."""

    def __init__(self, run: str) -> None:
        self.bar = tqdm(desc=run, disable=None)

    def on_log(self, _: Any, state: Any, *__: Any, logs: dict[str, Any], **___: Any) -> None:
        self.bar.total = state.max_steps
        self.bar.update(state.global_step - self.bar.n)
        shown = {name: logs[f"rewards/{name}/mean"] for name in COMPONENTS if "reward" in logs}
        self.bar.set_postfix({name: f"{value:.2f}" for name, value in shown.items()})


def _fingerprint(
    settings: RunSettings, base: Policy, manifest: Path, perturbations: Path, store: ClipStore
) -> dict[str, str]:
    code = code_of_phase("training", Path(__file__).parents[2])
    return {
        "settings": _sha256(settings.model_dump_json().encode()),
        "code": _sha256(json.dumps(code).encode()),
        "policy": str(base.provenance["policy"]),
        "manifest": _sha256(manifest.read_bytes()),
        "perturbations": _sha256(perturbations.read_bytes()),
        "clips": _sha256(json.dumps([store.setting, store.ids, store.provenance]).encode()),
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _history(steps: pd.DataFrame) -> pd.DataFrame:
    """TRL's log, one row per step: what is plotted first, in the order of the paper."""
    names = {f"rewards/{name}/mean": f"rewards/{name}" for name in COMPONENTS}
    names |= {"completions/mean_length": "length", "completions/clipped_ratio": "cut_off"}
    steps = steps.rename(columns=names)
    if "kl" not in steps:
        steps["kl"] = 0.0  # beta 0: no reference, nothing to diverge from
    failures = [f"failures/{status}" for status in FAILURES]
    steps["failures"] = steps[failures].sum(axis=1)
    first = ["step", "reward", *(f"rewards/{name}" for name in COMPONENTS), "kl", "entropy"]
    rest = ["failures", *failures, "cut_off", "length", "loss", "grad_norm", "learning_rate"]
    return steps[[*first, *rest, "reward_std", "frac_reward_zero_std"]]
