"""The trainer of a run, put together from its settings: weights, adapters, reference, config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import DistributedType
from datasets import Dataset
from peft import LoraConfig
from torch import nn
from trl import GRPOConfig, SFTConfig

from vqathinker.params import LoraParams, RunSettings
from vqathinker.policy.config import FROZEN, PARTS, ask_as_trained
from vqathinker.policy.device import choose_device
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.folder.low_rank import LowRankLinear
from vqathinker.policy.folder.shards import Shards
from vqathinker.policy.inputs import prompt_ids
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.training.resumable import ResumableTrainer
from vqathinker.training.rollouts import RolloutSampler
from vqathinker.training.supervised import SupervisedTrainer
from vqathinker.training.trainer import VQAThinkerTrainer
from vqathinker.video.perturb import PerturbationTable
from vqathinker.video.store import ClipStore

_HEAD = "lm_head"  # as large as a third of a small language model's layers, and tied to its words


def build_trainer(
    policy: Path, rows: Dataset, store: ClipStore, settings: RunSettings,
    draws: PerturbationTable | None, out: Path, provenance: dict[str, Any],
) -> ResumableTrainer:  # fmt: skip
    """Load the policy in the folder `policy`, and what trains it by `training.method`.

    Weights that are trained are float32, so that a small step is not lost; `bf16` computes with
    rounded copies of them. Next to adapters the frozen ones are bf16, and so is the reference;
    adapters that the policy has already stay apart from them, see `policy.folder.low_rank`.
    """
    how, supervised = settings.training, settings.training.method == "sft"
    # The configuration tells accelerate how many processes there are.
    config = _supervised_config(settings, out) if supervised else _config(settings, out)
    state = config.distributed_state
    # FSDP puts the weights onto the GPUs itself, each process a share of them.
    device = "cpu" if state.distributed_type is DistributedType.FSDP else state.device
    half = torch.bfloat16 if how.precision == "bf16" else torch.float32
    # DeepSpeed keeps float32 copies of half-precision weights.
    halved = how.lora is not None or state.distributed_type is DistributedType.DEEPSPEED
    base = load_policy(
        policy, device, half if halved else torch.float32, merged=how.lora is None
    )  # fmt: skip
    ask_as_trained(base.model.config, settings.prompt)
    frozen = tuple(prefix for part in settings.frozen for prefix in PARTS[part])
    for name, parameter in base.model.named_parameters():
        if name.startswith(frozen):
            parameter.requires_grad_(False)
    if how.lora is not None:
        _keep_float32(base.model, Shards(policy), how.lora.parts)
    shared = {
        "model": base.model, "processing_class": base.tokenizer, "rows": rows, "args": config,
        "sampler": _sampler(base, store, settings, draws), "keep": how.keep,
        "provenance": provenance,
        "peft_config": how.lora and _lora_config(base.model, how.lora, settings.frozen),
    }  # fmt: skip
    trainer: ResumableTrainer
    if supervised:
        trainer = SupervisedTrainer(**shared)
    else:
        reference = None
        if how.beta and how.lora is None:  # adapters switched off are the reference, too
            reference = load_policy(policy, device, half, merged=True).model.requires_grad_(False)
            ask_as_trained(reference.config, settings.prompt)
        trainer = VQAThinkerTrainer(
            reference=reference, rewards=settings.rewards, answer=settings.answer, beta=how.beta,
            seed=settings.seed, **shared,
        )  # fmt: skip
    if how.lora is not None:
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
    return trainer


@torch.no_grad()
def _keep_float32(
    policy: VQAThinkerForConditionalGeneration, stored: Shards, adapted: Sequence[str]
) -> None:
    """Give parts that are trained whole next to adapters their weights back as they are stored:
    what an earlier run taught them is less than a step of bf16."""
    frozen = tuple(prefix for part in adapted for prefix in PARTS[part])
    for name, weight in policy.named_parameters():
        if weight.requires_grad and not name.startswith(frozen) and name in stored:
            weight.data = stored[name]().to(weight.device, torch.float32)
            layer = policy.get_submodule(name.rpartition(".")[0])
            if isinstance(layer, LowRankLinear):  # the stored weight holds the change already
                del layer.down, layer.up
                layer.__class__ = nn.Linear  # type: ignore[assignment]


def _sampler(
    base: Policy, store: ClipStore, settings: RunSettings, draws: PerturbationTable | None
) -> RolloutSampler:
    """The source of encoded clips; in supervised fine-tuning a clip has one answer, no copies."""
    how = settings.training
    frames, size = store.frames(store.ids[0]).shape[0], store.frames(store.ids[0]).shape[-1]
    tokens, asked = base.model.config.tokens_per_frame(size), settings.prompt.model_dump()
    ids = prompt_ids(base.tokenizer, "training", frames, tokens, **asked)
    return RolloutSampler(
        clips=store, ids=ids, end=base.tokenizer.eos_token_id,
        group=1 if how.method == "sft" else how.group_size,
        max_new_tokens=how.max_new_tokens, temperature=how.temperature,
        vision_frozen="vision" in how.freeze, keep_encoded=how.keep_encoded,
        copies=settings.copies, perturbations=draws, top_k=how.top_k,
    )  # fmt: skip


def _supervised_config(settings: RunSettings, out: Path) -> SFTConfig:
    return SFTConfig(
        per_device_train_batch_size=settings.training.videos_per_device, loss_type="nll",
        max_length=None, packing=False, padding_free=False, remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True}, **_shared_config(settings, out),
    )  # fmt: skip


def _config(settings: RunSettings, out: Path) -> GRPOConfig:
    how = settings.training
    return GRPOConfig(
        # Rollouts.
        per_device_train_batch_size=how.videos_per_device * how.group_size,
        num_generations=how.group_size, num_iterations=how.iterations,
        max_completion_length=how.max_new_tokens, temperature=how.temperature, top_k=how.top_k,
        top_p=1.0, min_p=None, repetition_penalty=1.0,
        # Advantages.
        scale_rewards="group", multi_objective_aggregation="sum_then_normalize",
        # Loss.
        loss_type=how.loss_type, epsilon=how.epsilon, epsilon_high=None, delta=None,
        importance_sampling_level="token", off_policy_mask_threshold=None,
        top_entropy_quantile=1.0, entropy_coef=0.0, mask_truncated_completions=False,
        use_bias_correction_kl=how.kl_estimator == "unbiased",
        beta=0.0,  # set on the trainer, together with the reference
        sync_ref_model=False, disable_dropout=False, cast_lm_head_to_fp32=False,
        **_shared_config(settings, out),
    )  # fmt: skip


def _shared_config(settings: RunSettings, out: Path) -> dict[str, Any]:
    """Settings of optimiser, checkpoints and log, for GRPO and supervised fine-tuning.

    What affects results is set even where it is the library's default, which may change.
    """
    how = settings.training
    return {
        "num_train_epochs": how.epochs, "max_steps": how.max_steps or -1,
        "gradient_accumulation_steps": how.gradient_accumulation,
        "average_tokens_across_devices": True, "label_smoothing_factor": 0.0,
        "neftune_noise_alpha": None, "seed": settings.seed, "data_seed": settings.seed,
        "full_determinism": False,
        # Optimiser.
        "optim": "adamw_torch_fused", "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8,
        "learning_rate": how.learning_rate, "weight_decay": how.weight_decay,
        "max_grad_norm": how.max_grad_norm, "lr_scheduler_type": how.schedule,
        "lr_scheduler_kwargs": None, "warmup_steps": how.warmup_steps,
        # Precision and speed.
        "bf16": how.precision == "bf16", "fp16": False, "tf32": None, "torch_compile": False,
        "use_liger_kernel": False, "activation_checkpointing": how.gradient_checkpointing,
        "use_cpu": choose_device(settings.device).type == "cpu",
        "ddp_find_unused_parameters": False,
        # Checkpoints and log.
        "output_dir": str(out / "checkpoints"), "save_strategy": "steps",
        "save_steps": how.save_every, "report_to": [], "disable_tqdm": True,
        "logging_steps": 1,  # a resumed run would lose what is not logged yet
    }  # fmt: skip


def _lora_config(
    policy: VQAThinkerForConditionalGeneration, how: LoraParams, freeze: Sequence[str]
) -> LoraConfig:
    """Adapters for every linear layer of `how.parts`; the head has none.

    Parts that are neither frozen nor adapted are trained whole.
    """
    prefixes = tuple(prefix for part in how.parts for prefix in PARTS[part])
    layers = [
        name
        for name, module in policy.named_modules()
        if isinstance(module, nn.Linear) and name.startswith(prefixes) and name != _HEAD
    ]
    parts = sorted(PARTS.keys() - {FROZEN, *how.parts, *freeze})
    whole = [prefix.strip(".") for part in parts for prefix in PARTS[part]]
    return LoraConfig(
        r=how.rank, lora_alpha=how.alpha, lora_dropout=0.0, bias="none", init_lora_weights=True,
        use_rslora=False, use_dora=False, target_modules=layers, modules_to_save=whole or None,
    )  # fmt: skip
