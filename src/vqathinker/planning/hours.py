"""Seconds of an optimiser step and of a prediction, phase by phase, from a device's figures.

A phase takes as long as its arithmetic at the use of the matrix units that is assumed, or as
reading what it has to read at the use of the memory, whichever is longer. Token steps on a GPU
have a floor, which is measured: the launches of kernels.
"""

from vqathinker.planning.assumptions import (
    LAYER_SECONDS,
    LONGEST,
    USE_OF_BANDWIDTH,
    USE_OF_LINK,
    USE_OF_MATRIX,
    slowfast_flops,
)
from vqathinker.planning.devices import Device
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.sizes import PolicySizes
from vqathinker.video.sampling import ClipSetting

__all__ = ["prediction_seconds", "step_phases"]

_OPTIMISER_BYTES = 32  # a weight: reads gradient, master, moments, writes three and the copy


def step_phases(job: TrainingJob, device: Device, completion: float) -> dict[str, float]:
    """Seconds of each phase of one optimiser step, with completions of that mean length."""
    how, sizes = job.training, job.sizes
    videos, length = job.videos_rolled_out, min(completion, how.max_new_tokens)
    vision = videos * _vision_flops(sizes, job.clip)
    row = _row_flops(job, length)
    passes = 2 + (0 if how.lora else 1) + (1 if how.gradient_checkpointing else 0)
    seen = 0 if "vision" in how.freeze else 3 + (1 if how.gradient_checkpointing else 0)
    again = job.has_reference and "vision" not in how.freeze
    prefill = _matrix(device, videos * (1 + job.copies) * _prompt_flops(sizes, job.prompt))
    decode = _decode(sizes, device, job.rows, job.prompt, length, how.max_new_tokens)
    return {
        "encode": _matrix(device, vision) + _motion(job, device),
        "prefill": prefill if job.rolls_out else 0.0,
        "decode": decode if job.rolls_out else 0.0,
        "reference": _matrix(device, videos * row + vision * again) if how.beta else 0.0,
        "update": _matrix(device, passes * videos * row + seen * vision),
        "optimiser": _OPTIMISER_BYTES
        * job.trained
        / (job.processes if job.sharded else 1)
        / (USE_OF_BANDWIDTH * device.bandwidth),
        "exchange": _exchange(job, device),
    }


def prediction_seconds(
    sizes: PolicySizes, device: Device, clip: ClipSetting, prompt: int, *,
    batch: int, answers: int, completion: float, max_new_tokens: int,
) -> float:  # fmt: skip
    """Seconds of one batch of videos, each answered `answers` times."""
    length = min(completion, max_new_tokens)
    flops = batch * (_vision_flops(sizes, clip) + _prompt_flops(sizes, prompt))
    motion = batch * slowfast_flops(clip.frames, clip.size) if sizes.slowfast else 0.0
    decode = _decode(sizes, device, batch * answers, prompt, length, max_new_tokens)
    return _matrix(device, flops) + motion / (USE_OF_MATRIX * device.single) + decode


def _matrix(device: Device, flops: float) -> float:
    return flops / (USE_OF_MATRIX * device.matrix)


def _motion(job: TrainingJob, device: Device) -> float:
    """Every perturbed copy moves in another way, so it has a motion feature of its own."""
    if not (job.sizes.slowfast and job.motion):
        return 0.0
    clips = job.videos_rolled_out * (1 + job.copies)
    flops = clips * slowfast_flops(job.clip.frames, job.clip.size)
    return flops / (USE_OF_MATRIX * device.single)


def _vision_flops(sizes: PolicySizes, clip: ClipSetting) -> float:
    """Of the frames of a clip, through image encoder and projector."""
    patches, layers = sizes.patches(clip.size), sizes.vision
    attention = 4 * layers.number * layers.hidden * patches**2
    projected = 2 * sizes.weights["projector"] * (patches - 1) / 4
    return clip.frames * (2 * sizes.weights["vision"] * patches + attention + projected)


def _prompt_flops(sizes: PolicySizes, prompt: int) -> float:
    """Of a prompt alone; each token sees half of them on the average."""
    attention = 4 * sizes.text.number * sizes.text.hidden * prompt**2 / 2
    return 2 * sizes.body * prompt + attention + 2 * sizes.embedding


def _row_flops(job: TrainingJob, length: float) -> float:
    """Of a packed row: completions see the prompt and themselves, and only they have logits."""
    sizes, said = job.sizes, job.training.group_size * length
    pairs = job.prompt**2 / 2 + said * job.prompt + said * length / 2
    attention = 4 * sizes.text.number * sizes.text.hidden * pairs
    return 2 * sizes.body * job.row_tokens(length) + attention + 2 * sizes.embedding * said


def _decode(
    sizes: PolicySizes, device: Device, rows: int, prompt: int, length: float, most: int
) -> float:
    """Every token step reads all weights, and the keys and values of the rows still going.

    On a GPU no step is shorter than the launches of its layers' kernels.
    """
    width = 2 if device.gpu else 4
    weights = sizes.body + sizes.embedding
    steps = min(LONGEST * length, most)
    cached = rows * length * (prompt + length / 2) * sizes.cache_bytes(width)
    reading = (steps * weights * width + cached) / (USE_OF_BANDWIDTH * device.bandwidth)
    launches = steps * sizes.text.number * LAYER_SECONDS if device.gpu else 0.0
    return max(reading, launches, _matrix(device, 2 * weights * rows * length))


def _exchange(job: TrainingJob, device: Device) -> float:
    """ZeRO-2 hands gradients out after every device batch and gathers the weights once."""
    if job.processes == 1:
        return 0.0
    batches = job.training.gradient_accumulation if job.sharded else 2
    sent = job.width * job.trained * (batches + 1) * (job.processes - 1) / job.processes
    return sent / (USE_OF_LINK * device.link)
