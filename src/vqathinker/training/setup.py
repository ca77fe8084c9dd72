"""Build the trainer of a run from its settings: weights, adapters, reference, TRL's config."""

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
from vqathinker.policy.config import MOTION_ENCODER, PARTS, set_prompt
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
from vqathinker.video.sampling import parse_setting
from vqathinker.video.store import ClipStore

_HEAD = "lm_head"  # not adapted: large, and in some models tied to the embeddings


def build_trainer(
    policy: Path,
    rows: Dataset,
    store: ClipStore,
    settings: RunSettings,
    perturbations: PerturbationTable | None,
    out: Path,
    provenance: dict[str, Any],
) -> ResumableTrainer:
    """Load the policy in the folder `policy`, and what trains it by `training.method`.

    Trained weights are float32, so that small updates are not rounded away; with `bf16`, rounded
    copies of them are used for computation. Frozen weights next to adapters are bf16, and so is the
    reference. Adapters of an earlier run stay separate (`policy.folder.low_rank`).
    """
    training, supervised = settings.training, settings.training.method == "sft"
    # Creating the configuration tells accelerate how many processes there are.
    config = _sft_config(settings, out) if supervised else _grpo_config(settings, out)
    state = config.distributed_state
    # FSDP moves the weights to the GPUs itself, a shard to each process.
    device = "cpu" if state.distributed_type is DistributedType.FSDP else state.device
    half = torch.bfloat16 if training.precision == "bf16" else torch.float32
    # DeepSpeed keeps float32 copies of half-precision weights itself.
    load_half = training.lora is not None or state.distributed_type is DistributedType.DEEPSPEED
    base = load_policy(
        policy, device, half if load_half else torch.float32, merged=not training.lora
    )
    set_prompt(base.model.config, settings.prompt)
    frozen = tuple(prefix for part in settings.frozen for prefix in PARTS[part])
    for name, parameter in base.model.named_parameters():
        if name.startswith(frozen):
            parameter.requires_grad_(False)
    if training.lora is not None:
        _restore_float32(base.model, Shards(policy), training.lora.parts)
    shared = {
        "model": base.model,
        "processing_class": base.tokenizer,
        "rows": rows,
        "args": config,
        "sampler": _build_sampler(base, store, settings, perturbations),
        "keep": training.keep,
        "provenance": provenance,
        "peft_config": training.lora and _lora_config(base.model, training.lora, settings.frozen),
    }
    trainer: ResumableTrainer
    if supervised:
        trainer = SupervisedTrainer(**shared)
    else:
        reference = None
        # With adapters, the reference is the policy without them.
        if training.beta and training.lora is None:
            reference = load_policy(policy, device, half, merged=True).model.requires_grad_(False)
            set_prompt(reference.config, settings.prompt)
        trainer = VQAThinkerTrainer(
            reference=reference,
            rewards=settings.rewards,
            answer=settings.answer,
            beta=training.beta,
            seed=settings.seed,
            **shared,
        )
    if training.lora is not None:  # peft creates adapters in the precision of the frozen weights
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
    return trainer


@torch.no_grad()
def _restore_float32(
    policy: VQAThinkerForConditionalGeneration, stored: Shards, adapted: Sequence[str]
) -> None:
    """Load parts that are trained in full next to adapters again, in float32.

    The policy was loaded in bf16, which rounds away what an earlier run changed.
    """
    prefixes = tuple(prefix for part in adapted for prefix in PARTS[part])
    for name, weight in policy.named_parameters():
        if weight.requires_grad and not name.startswith(prefixes) and name in stored:
            weight.data = stored[name]().to(weight.device, torch.float32)
            layer = policy.get_submodule(name.rpartition(".")[0])
            if isinstance(layer, LowRankLinear):  # the stored weight contains the adapters
                del layer.down, layer.up
                layer.__class__ = nn.Linear  # type: ignore[assignment]


def _build_sampler(
    base: Policy, store: ClipStore, settings: RunSettings, perturbations: PerturbationTable | None
) -> RolloutSampler:
    training = settings.training
    clip = parse_setting(store.setting)
    ids = prompt_ids(
        base.tokenizer,
        "training",
        clip.frames,
        base.model.config.tokens_per_frame(clip.size, clip.width),
        **settings.prompt.model_dump(),
    )
    return RolloutSampler(
        clips=store,
        prompt_ids=ids,
        end_token=base.tokenizer.eos_token_id,
        group_size=1 if training.method == "sft" else training.group_size,
        max_new_tokens=training.max_new_tokens,
        temperature=training.temperature,
        vision_frozen="vision" in training.freeze,
        keep_encoded=training.keep_encoded,
        perturbed_rollouts=settings.copies,
        perturbations=perturbations,
        top_k=training.top_k,
    )


def _sft_config(settings: RunSettings, out: Path) -> SFTConfig:
    return SFTConfig(
        per_device_train_batch_size=settings.training.videos_per_device, loss_type="nll",
        max_length=None, packing=False, padding_free=False, remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True}, **_shared_config(settings, out),
    )  # fmt: skip


def _grpo_config(settings: RunSettings, out: Path) -> GRPOConfig:
    training = settings.training
    return GRPOConfig(
        # Rollouts.
        per_device_train_batch_size=training.videos_per_device * training.group_size,
        num_generations=training.group_size, num_iterations=training.iterations,
        max_completion_length=training.max_new_tokens,
        temperature=training.temperature, top_k=training.top_k, top_p=1.0, min_p=None,
        repetition_penalty=1.0,
        # Advantages.
        scale_rewards="group", multi_objective_aggregation="sum_then_normalize",
        # Loss.
        loss_type=training.loss_type, epsilon=training.epsilon, epsilon_high=None, delta=None,
        importance_sampling_level="token", off_policy_mask_threshold=None,
        top_entropy_quantile=1.0, entropy_coef=0.0, mask_truncated_completions=False,
        use_bias_correction_kl=training.kl_estimator == "unbiased",
        beta=0.0,  # the trainer sets it together with the reference
        sync_ref_model=False, disable_dropout=False, cast_lm_head_to_fp32=False,
        **_shared_config(settings, out),
    )  # fmt: skip


def _shared_config(settings: RunSettings, out: Path) -> dict[str, Any]:
    """Settings of optimiser, checkpoints and log, for GRPO and supervised fine-tuning.

    Defaults that affect results are set explicitly, because a new version may change them.
    """
    training = settings.training
    return {
        "num_train_epochs": training.epochs, "max_steps": training.max_steps or -1,
        "gradient_accumulation_steps": training.gradient_accumulation,
        "average_tokens_across_devices": True, "label_smoothing_factor": 0.0,
        "neftune_noise_alpha": None, "seed": settings.seed, "data_seed": settings.seed,
        "full_determinism": False,
        # Optimiser.
        "optim": "adamw_torch_fused", "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8,
        "learning_rate": training.learning_rate, "weight_decay": training.weight_decay,
        "max_grad_norm": training.max_grad_norm, "lr_scheduler_type": training.schedule,
        "lr_scheduler_kwargs": None, "warmup_steps": training.warmup_steps,
        # Precision and speed.
        "bf16": training.precision == "bf16", "fp16": False, "tf32": None, "torch_compile": False,
        "use_liger_kernel": False, "activation_checkpointing": training.gradient_checkpointing,
        "use_cpu": choose_device(settings.device).type == "cpu",
        "ddp_find_unused_parameters": False,
        # Checkpoints and log.
        "output_dir": str(out / "checkpoints"), "save_strategy": "steps",
        "save_steps": training.save_every, "report_to": [], "disable_tqdm": True,
        "logging_steps": 1,  # a killed run loses metrics that are not logged yet
    }  # fmt: skip


def _lora_config(
    policy: VQAThinkerForConditionalGeneration, lora: LoraParams, freeze: Sequence[str]
) -> LoraConfig:
    """Adapters for every linear layer of `lora.parts` except the head.

    Parts that are neither frozen nor adapted are trained in full.
    """
    prefixes = tuple(prefix for part in lora.parts for prefix in PARTS[part])
    layers = [
        name
        for name, module in policy.named_modules()
        if isinstance(module, nn.Linear) and name.startswith(prefixes) and name != _HEAD
    ]
    parts = sorted(PARTS.keys() - {MOTION_ENCODER, *lora.parts, *freeze})
    full = [prefix.strip(".") for part in parts for prefix in PARTS[part]]
    return LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=0.0, bias="none", init_lora_weights=True,
        use_rslora=False, use_dora=False, target_modules=layers, modules_to_save=full or None,
    )  # fmt: skip
