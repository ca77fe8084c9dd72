"""Forecast of a scale: downloads, disk space, GPU memory, steps, tokens and hours.

Weights are counted on the policy itself, which is built without memory. Seconds follow from
operations and memory traffic at an assumed share of the device's peak, or from a measured step.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from vqathinker.datasets.card import load_card
from vqathinker.datasets.inventory import download_bytes, stored_bytes
from vqathinker.layout import Layout
from vqathinker.params import EvaluationParams, Parameters, PromptParams, RunParams
from vqathinker.policy.config import MOTION_ENCODER, PARTS
from vqathinker.policy.head import TOKENS_PER_CHUNK
from vqathinker.policy.model import rows_per_chunk
from vqathinker.policy.motion.slowfast import CLIPS_PER_CHUNK
from vqathinker.policy.sizes import PolicySizes, base_sizes
from vqathinker.video.sampling import ClipSetting, parse_setting

# Assumptions. Only LAYER_SECONDS is measured, on one kind of GPU; the others are estimates.
COMPLETION_TOKENS: Final = 200  # mean length of InternVL3's answer with reasoning
SUPERVISED_TOKENS: Final = 16  # answer that supervised fine-tuning learns, with its end token
LONGEST: Final = 2.0  # longest completion of a batch, in mean lengths
BUCKET_SIZE: Final = 500_000_000  # gradients that ZeRO-2 sends at once; DeepSpeed's default
OVERHEAD: Final = {True: 2_000_000_000, False: 700_000_000}  # bytes of the libraries: GPU, CPU
USE_OF_MATRIX: Final = 0.4  # of the peak, in forward and backward passes
USE_OF_BANDWIDTH: Final = 0.6  # of the peak, in token steps, the optimiser, and between GPUs
# Per weight: the optimiser reads gradient, master and moments, and writes these and the copy.
OPTIMISER_BYTES: Final = 32
# Minimum of a token step per layer of the language model, even for a small batch, because the step
# waits for kernel launches. Measured on an H100 with the 28 layers of InternVL3-2B and
# 16 rows: benchmarks/results/2026-11-27-h100/grpo-2b.json.
LAYER_SECONDS: Final = 29.8e-3 / 28
SLOWFAST_FILE: Final = 4 * 34_570_000  # bytes, with its classifier
SLOWFAST_BYTES: Final = 120  # of memory per pixel of a frame: 25 MB for 6x196 on the CPU
SLOWFAST_FLOPS: Final = 131.4e9 / (32 * 256**2)  # per pixel; published for 32 frames of 256 x 256


@dataclass(frozen=True)
class Device:
    """A GPU as in its data sheet: usable bytes of memory, FLOP/s, and bytes/s.

    `matrix` is FLOP/s of dense bf16 products on tensor cores, `single` in float32. `bandwidth` is
    that of its own memory, `link` is the one-way bandwidth to another GPU of the machine.
    """

    name: str
    memory: int
    matrix: float
    single: float
    bandwidth: float
    link: float
    gpu: bool = True


DEVICES = {
    device.name: device
    for device in (
        Device("B200", 180 << 30, 2250e12, 75e12, 8.0e12, 900e9),
        Device("H200", 140 << 30, 989e12, 67e12, 4.8e12, 450e9),
        Device("H100", 79 << 30, 989e12, 67e12, 3.35e12, 450e9),
        Device("A100-80G", 79 << 30, 312e12, 19.5e12, 2.04e12, 300e9),
        Device("A100-40G", 39 << 30, 312e12, 19.5e12, 1.56e12, 300e9),
        Device("L40S", 44 << 30, 362e12, 91.6e12, 0.864e12, 32e9),
        Device("RTX-4090", 23 << 30, 165e12, 82.6e12, 1.008e12, 32e9),
    )
}
CPU = Device("CPU", 0, 50e9, 50e9, 10e9, 10e9, gpu=False)  # one core, some years old


@dataclass
class Memory:
    """Bytes of a process by part: always resident, in each of two alternating phases, and peak."""

    resident: dict[str, int]
    rollouts: dict[str, int]
    update: dict[str, int]
    peak: int = 0

    def __post_init__(self) -> None:
        phases = (sum(self.rollouts.values()), sum(self.update.values()))
        self.peak = sum(self.resident.values()) + max(phases)


@dataclass(frozen=True)
class Generation:
    """Rollouts of an optimiser step, or predictions of a batch, in one process.

    The process encodes `videos`, prefills `prompts` and decodes `rows` at once. A prompt has
    `prompt` tokens and a completion at most `longest`. Numbers have `width` bytes.
    """

    policy: PolicySizes
    device: Device
    width: int
    clip: ClipSetting
    motion: bool
    prompt: int
    longest: int
    videos: int
    prompts: int
    rows: int

    def memory(self) -> dict[str, int]:
        """Bytes of keys and values, and of one layer of the prefill and of the image encoder."""
        text, vision = self.policy.config.text_config, self.policy.config.vision_config
        patches = self.policy.patches(self.clip.size)
        in_text = self.width * (3 * text.intermediate_size + 4 * text.hidden_size)
        in_vision = self.width * (2 * vision.intermediate_size + 4 * vision.hidden_size)
        prompts = min(self.prompts, rows_per_chunk(self.prompt))
        frames = min(self.videos * self.clip.frames, rows_per_chunk(patches))
        tokens = self.rows * (self.prompt + self.longest)
        return {
            "cache": tokens * self.policy.cache_bytes(self.width),
            "prefill": prompts * self.prompt * in_text,
            "logits of a token": 8 * self.rows * text.vocab_size,
            "images": frames * patches * in_vision,
        }

    def seconds(self, completion: float) -> dict[str, float]:
        """Seconds of each phase. A token step reads all weights and the cache of open rows."""
        policy, device, length = self.policy, self.device, min(completion, self.longest)
        text, matrix = policy.config.text_config, USE_OF_MATRIX * device.matrix
        slowfast = self.motion and policy.config.motion["encoder"] == "slowfast_r50"
        pixels = self.prompts * self.clip.clip_bytes // 3  # a copy has other motion
        motion = slowfast * pixels * SLOWFAST_FLOPS / (USE_OF_MATRIX * device.single)
        weights = policy.body + text.vocab_size * text.hidden_size
        steps = min(LONGEST * length, self.longest)
        cached = self.rows * length * (self.prompt + length / 2) * policy.cache_bytes(self.width)
        reading = steps * weights * self.width + cached
        return {
            "encode": policy.vision_flops(self.clip) * self.videos / matrix + motion,
            "prefill": policy.text_flops(self.prompt) * self.prompts / matrix,
            "decode": max(
                reading / (USE_OF_BANDWIDTH * device.bandwidth),
                2 * weights * self.rows * length / matrix,
                steps * text.num_hidden_layers * LAYER_SECONDS * device.gpu,
            ),
        }


class TrainingStep:
    """One process in an optimiser step of a run. Several GPUs shard by ZeRO-2."""

    def __init__(self, run: RunParams, policy: PolicySizes, device: Device, processes: int) -> None:
        how = run.training
        if how.method == "sft":  # one short completion per video
            sft = {"group_size": 1, "beta": 0.0, "max_new_tokens": SUPERVISED_TOKENS}
            how = how.model_copy(update=sft)
        adapted = how.lora.parts if how.lora else []
        whole = set(PARTS) - {MOTION_ENCODER, *run.frozen, *adapted}
        self.how, self.policy, self.device, self.processes = how, policy, device, processes
        self.adapters = sum(how.lora.rank * policy.adapted[part] for part in adapted if how.lora)
        self.trained = self.adapters + sum(policy.weights[part] for part in whole)
        self.reference = (
            how.beta > 0 and how.lora is None
        )  # the reference is the policy without its adapters
        self.trains_vision = "vision" not in run.frozen
        self.width = 2 if device.gpu and how.precision == "bf16" else 4
        self.shards = processes if device.gpu else 1  # of gradients and optimiser state
        self.moments = 12 if self.width == 2 else 8  # bytes per weight, with AdamW's float32 copy
        # TRL rolls out a whole optimiser step at once. Each perturbed copy has its own prompt.
        videos, clip = how.videos_per_device * how.gradient_accumulation, run.clips.train_setting
        self.clip = parse_setting(clip)
        self.rollouts = Generation(
            policy, device, self.width, self.clip, run.prompt.motion,
            policy.prompt_tokens("training", self.clip, run.prompt), how.max_new_tokens,
            videos, videos * (1 + run.copies), videos * (how.group_size + run.copies),
        )  # fmt: skip

    def row_tokens(self, completion: float) -> float:
        """Tokens of a video's packed row: its prompt once, then all completions of its group."""
        length = min(completion, self.how.max_new_tokens)
        return self.rollouts.prompt + self.how.group_size * length

    def steps(self, videos: int) -> int:
        """Optimiser steps on that number of videos. An epoch drops videos that fill no step."""
        batches = max(1, videos // (self.rollouts.videos * self.processes))
        steps = math.ceil(self.how.epochs * batches * self.how.iterations)
        return self.how.max_steps or steps

    def memory(self) -> Memory:
        """Memory of one process if all completions have the maximum length."""
        policy, width, rollouts = self.policy, self.width, self.rollouts.memory()
        gradient, shared = 2 if self.shards > 1 and width == 2 else 4, self.shards > 1
        resident = {
            "weights": policy.bytes_at(width) + width * self.adapters,
            "gradients": gradient * self.trained // self.shards,
            "optimiser": self.moments * self.trained // self.shards,
            "reference": policy.bytes_at(width) if self.reference else 0,
            "gradient buckets": gradient * min(BUCKET_SIZE, self.trained) if shared else 0,
            "libraries": OVERHEAD[self.device.gpu],
        }
        if self.rollouts.motion and policy.weights[MOTION_ENCODER]:
            # Frames of all clips and copies in float32, and SlowFast's activations for a few.
            clips, pixels = self.rollouts.prompts, self.clip.clip_bytes // 3
            slowfast = SLOWFAST_BYTES * min(clips, CLIPS_PER_CHUNK)
            rollouts["motion"] = pixels * (12 * clips + slowfast)
        return Memory(resident, rollouts if self.how.method == "grpo" else {}, self._update())

    def _update(self) -> dict[str, int]:
        """Bytes of the forward and backward pass over the packed rows of a device batch."""
        how, width, policy = self.how, self.width, self.policy
        text, vision = policy.config.text_config, policy.config.vision_config
        row = int(self.row_tokens(how.max_new_tokens))
        tokens = how.videos_per_device * row
        stacks = [(text, tokens, policy.saved_by_text_layer(width))]
        if self.trains_vision:
            patches = how.videos_per_device * self.clip.frames * policy.patches(self.clip.size)
            stacks.append((vision, patches, policy.saved_by_vision_layer(width)))
        kept, passing = 0, 0
        for layers, positions, saved in stacks:
            layer = positions * width * (3 * layers.intermediate_size + layers.hidden_size)
            if how.gradient_checkpointing:  # keeps the input of each layer and recomputes the rest
                kept += positions * width * layers.hidden_size * layers.num_hidden_layers
                layer += positions * saved
            else:
                kept += positions * saved * layers.num_hidden_layers
            passing = max(passing, layer)
        logits = (width + 8) * min(TOKENS_PER_CHUNK, tokens) * text.vocab_size
        return {
            "activations": kept, "one layer backward": passing,
            "logits of a chunk": logits, "mask": tokens * row * width,
        }  # fmt: skip

    def seconds(self, completion: float) -> dict[str, float]:
        """Seconds of each phase of an optimiser step, with completions of that mean length."""
        how, device, rollouts = self.how, self.device, self.rollouts.seconds(completion)
        if how.method == "sft":
            rollouts |= {"prefill": 0.0, "decode": 0.0}
        videos, length = self.rollouts.videos, min(completion, how.max_new_tokens)
        packed = videos * self.policy.text_flops(self.rollouts.prompt, how.group_size, length)
        vision = videos * self.policy.vision_flops(self.clip) * self.trains_vision
        again, matrix = int(how.gradient_checkpointing), USE_OF_MATRIX * device.matrix
        passes = (2 if how.lora else 3) + again  # adapters need no gradients of the weights
        # ZeRO-2 reduces gradients after each device batch and gathers the weights once.
        batches = how.gradient_accumulation if self.shards > 1 else 2
        sent = self.width * self.trained * (batches + 1) * (1 - 1 / self.processes)
        optimiser = OPTIMISER_BYTES * self.trained / self.shards
        return rollouts | {
            "reference": (packed + vision * self.reference) / matrix if how.beta else 0.0,
            "update": (passes * packed + (3 + again) * vision) / matrix,
            "optimiser": optimiser / (USE_OF_BANDWIDTH * device.bandwidth),
            "exchange": sent / (USE_OF_BANDWIDTH * device.link),
        }


def plan_prediction(
    how: EvaluationParams, device: Device, completion: float, policy: PolicySizes,
    clip: ClipSetting, prompt: PromptParams,
) -> tuple[Memory, float]:  # fmt: skip
    """Memory of a batch, and hours per clip: a greedy answer, and the samples of the mean."""
    videos, width = how.batch_size, 2 if device.gpu else 4
    samples = how.sampling.answers if "mean" in how.kinds else 0
    batch = Generation(
        policy, device, width, clip, prompt.motion,
        policy.prompt_tokens("evaluation", clip, prompt), how.max_new_tokens,
        videos, videos, videos * max(1, samples),
    )  # fmt: skip
    resident = {"weights": policy.bytes_at(width), "libraries": OVERHEAD[device.gpu]}
    seconds = replace(batch, rows=videos * (1 + samples)).seconds(completion)
    return Memory(resident, batch.memory(), {}), sum(seconds.values()) / videos / 3600


@dataclass(frozen=True)
class PlannedRun:
    """A trained run. `phases` are estimated seconds of one step."""

    name: str
    steps: int
    videos_per_step: int
    tokens_per_step: int
    memory: Memory
    phases: dict[str, float]
    seconds_per_step: float
    hours: float


@dataclass(frozen=True)
class Plan:
    """What a scale takes with all its sets, if jobs run one after the other.

    `weights` by part, `prompts` in tokens and `predictions` (clips and hours per benchmark) are
    those of the scale's base policy. `download` and `disk` are bytes. The sizes of the sets in
    `unpublished` are not known.
    """

    scale: str
    device: Device
    processes: int
    measured: bool
    videos: dict[str, int]
    weights: dict[str, int]
    prompts: dict[str, int]
    download: dict[str, int]
    unpublished: list[str]
    disk: dict[str, int]
    runs: list[PlannedRun]
    prediction_memory: dict[str, Memory]
    predictions: dict[str, tuple[int, float]]
    hours: dict[str, float]


def make_plan(
    params: Parameters, device: Device, completion: float = COMPLETION_TOKENS,
    measured: float | None = None,
) -> Plan:  # fmt: skip
    """Plan a scale for a device, with completions of that mean length in tokens.

    `measured` is the duration in seconds of a step of the first trained run. Durations of other
    runs are scaled by the same factor.

    Raises:
        InputError: the size of a base policy that is trained is unknown until it is downloaded.
    """
    layout, counts = Layout(params.model_dump()), params.data.counts
    bases, preference = base_sizes(params), params.preference
    base, train = bases[params.base.name], parse_setting(params.clips.train_setting)
    test = parse_setting(params.clips.test_setting)
    processes = 2 if params.training.launch == "cpu-2" else max(1, params.resources.train.gpu)
    clips = {name: counts[name] for name in layout.benchmarks}
    sampled = [
        min(preference.videos or counts[name], counts[name]) for name in preference.benchmarks
    ]
    if sampled:  # each clip, and one copy per kind of perturbation
        clips["temporal preference"] = sum(sampled) * (1 + len(params.clips.perturbations.kinds))
    runs, jobs, memory = list[PlannedRun](), list[TrainingStep](), dict[str, Memory]()
    hours, factor = 0.0, 1.0
    predict = partial(plan_prediction, params.evaluation, device, completion)
    for name, row in params.runs.items():
        # The size of a policy that is only evaluated can be unknown, so take the scale's base.
        policy = bases[row.base.name] if row.train else base
        clip = parse_setting(row.clips.test_setting)
        memory[name], per_clip = predict(policy, clip, row.prompt)
        hours += per_clip * sum(clips.values())
        if not row.train:
            continue
        job = TrainingStep(row, policy, device, processes)
        jobs.append(job)
        steps = job.steps(counts[params.data.train] - row.training.holdout)
        videos = job.rollouts.videos * processes
        phases, tokens = job.seconds(completion), videos * job.row_tokens(completion)
        factor = measured / sum(phases.values()) if measured and not runs else factor
        seconds = factor * sum(phases.values())
        runs.append(
            PlannedRun(name, steps, videos, round(tokens), job.memory(), phases, seconds,
                       steps * seconds / 3600)
        )  # fmt: skip
    _, per_clip = predict(base, test, params.prompt)
    training = sum(run.hours for run in runs)
    download, unpublished, disk = _disk(params, layout, bases, jobs)
    return Plan(
        scale=params.scale, device=device, processes=processes, measured=measured is not None,
        videos={name: counts[name] for name in layout.sets}, weights=base.weights,
        prompts={
            "training": base.prompt_tokens("training", train, params.prompt),
            "evaluation": base.prompt_tokens("evaluation", test, params.prompt),
        },
        download=download, unpublished=unpublished, disk=disk, runs=runs,
        prediction_memory=memory,
        predictions={name: (number, number * per_clip) for name, number in clips.items()},
        hours={"training": training, "prediction": hours, "all": training + hours},
    )  # fmt: skip


def _disk(
    params: Parameters, layout: Layout, bases: Mapping[str, PolicySizes],
    jobs: Iterable[TrainingStep],
) -> tuple[dict[str, int], list[str], dict[str, int]]:  # fmt: skip
    """Bytes to download, sets of unknown size, and final bytes of each folder."""
    download, unpublished, data = dict[str, int](), list[str](), 0
    for name in layout.sets:
        card = load_card(name, Path(params.data.cards))
        fetched, stored = (
            (0, 0) if card.is_synthetic else (download_bytes(card), stored_bytes(card))
        )
        if fetched is None or stored is None:
            unpublished.append(name)
        if fetched:
            download[name] = fetched
        data += stored or 0
    for base in (params.base, *(row.base for row in params.runs.values())):
        if base.kind == "demo" or base.name not in bases or Path(base.source).is_dir():
            continue
        weights = bases[base.name].weights  # 2 bytes each; InternVL3 on the hub has no motion
        motion = weights[MOTION_ENCODER] + weights["motion_projector"] if base.kind == "hub" else 0
        name = "base policy" if base == params.base else f"base policy {base.name}"
        download[name] = 2 * (sum(weights.values()) - motion)
    hub = sum(size for name, size in download.items() if name.startswith("base policy"))
    if params.base.kind == "hub":
        download["SlowFast"] = SLOWFAST_FILE
    shards = {Path(file).parent.parts[1:] for file in layout.clips(layout.ablations)}
    clips = sum(params.data.counts[name] * parse_setting(at).clip_bytes for name, at in shards)
    width = 4 if params.base.kind == "demo" else 2
    models = sum(sizes.bytes_at(width) for sizes in bases.values())
    for job in jobs:  # weights of the result, and checkpoints
        policy, kept = job.policy.bytes_at(width), job.how.keep
        models += policy + kept * (policy + job.moments * job.trained)
    disk = {"data": data, "clips": clips, "models": models}
    return download, unpublished, disk | ({"$HF_HOME": hub} if hub else {})
