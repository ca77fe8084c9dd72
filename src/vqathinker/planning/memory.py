"""Memory of one GPU by part, as a step of training or a batch of prediction takes it.

Weights that are trained exist once to compute with and once in float32 for the optimiser, beside
its two moments. With several GPUs (ZeRO-2) each keeps its share of gradients and optimiser, and all
of the weights. Rollouts and the update follow each other, so only the larger of them counts.
"""

from dataclasses import dataclass
from typing import Final

from vqathinker.planning.assumptions import (
    BUCKET_WEIGHTS,
    CPU_OVERHEAD,
    GPU_OVERHEAD,
    SLOWFAST_BYTES,
)
from vqathinker.planning.job import TrainingJob
from vqathinker.planning.sizes import Layers, PolicySizes
from vqathinker.policy.head import TOKENS_AT_A_TIME
from vqathinker.policy.motion.slowfast import CLIPS_AT_A_TIME
from vqathinker.policy.parts import FROZEN
from vqathinker.policy.portions import rows_at_a_time
from vqathinker.video.sampling import ClipSetting

__all__ = ["Memory", "prediction_memory", "saved_by_text_layer", "saved_by_vision_layer"]
__all__ += ["training_memory"]

_MASTER_AND_MOMENTS: Final = 12  # bytes a weight: AdamW's copy in float32 and its two moments
_MOMENTS: Final = 8  # where the weights themselves are float32
_SINGLE: Final = 4


@dataclass(frozen=True)
class Memory:
    """Bytes by part: what stays, and the two phases that take turns."""

    resident: dict[str, int]
    rollouts: dict[str, int]
    update: dict[str, int]

    @property
    def peak(self) -> int:
        """The most at once."""
        phases = (sum(self.rollouts.values()), sum(self.update.values()))
        return sum(self.resident.values()) + max(phases)


def saved_by_text_layer(layers: Layers, width: int) -> int:
    """Bytes for each token that a layer of the language model keeps for the backward pass.

    Two norms, which compute in float32; the inputs of attention and of the perceptron; queries,
    keys, values, what attention gives and its sums; four tensors of the perceptron.
    """
    norms = 2 * (_SINGLE * layers.hidden + _SINGLE + width * layers.hidden)
    attention = width * (3 * layers.hidden + 2 * layers.keys) + _SINGLE * layers.heads
    return norms + attention + width * (layers.hidden + 4 * layers.intermediate)


def saved_by_vision_layer(layers: Layers, width: int) -> int:
    """The same for a layer of the image encoder: ten tensors of its width, two of the perceptron's,
    the statistics of two norms, the sums of attention.
    """
    widths = 10 * layers.hidden + 2 * layers.intermediate + 4
    return width * widths + _SINGLE * layers.heads


def training_memory(job: TrainingJob) -> Memory:
    """Of one process, if every completion is as long as it may be."""
    sizes, half = job.sizes, job.half
    share = job.processes if job.sharded else 1
    gradient = 2 if job.sharded and half else _SINGLE
    resident = {
        "weights": _weight_bytes(sizes, job.width) + _adapter_bytes(job),
        "gradients": gradient * job.trained // share,
        "optimiser": (_MASTER_AND_MOMENTS if half else _MOMENTS) * job.trained // share,
        "reference": _weight_bytes(sizes, job.width) if job.has_reference else 0,
        "gradient buckets": gradient * min(BUCKET_WEIGHTS, job.trained) if job.sharded else 0,
        "libraries": GPU_OVERHEAD if job.gpu else CPU_OVERHEAD,
    }
    longest = job.prompt + job.training.max_new_tokens
    prompts = job.videos_rolled_out * (1 + job.copies)
    rollouts = _generation(sizes, job.width, job.rows, prompts, longest, job.prompt)
    rollouts |= _encoding(sizes, job.width, job.videos_rolled_out, job.clip)
    rollouts |= _motion(job, prompts)
    return Memory(resident, rollouts if job.rolls_out else {}, _update(job))


def _motion(job: TrainingJob, prompts: int) -> dict[str, int]:
    """Frames of every clip and perturbed copy in float32, and what SlowFast makes of a few."""
    if not (job.motion and job.sizes.weights[FROZEN]):
        return {}
    pixels = job.clip.frames * job.clip.size**2
    clips = min(prompts, CLIPS_AT_A_TIME)
    return {"motion": pixels * (3 * _SINGLE * prompts + SLOWFAST_BYTES * clips)}


def prediction_memory(
    sizes: PolicySizes, clip: ClipSetting, *, batch: int, answers: int, prompt: int,
    max_new_tokens: int, gpu: bool,
) -> Memory:  # fmt: skip
    """Of one process that predicts; `answers` completions of each clip are drawn at once."""
    width = 2 if gpu else _SINGLE
    resident = {
        "weights": _weight_bytes(sizes, width),
        "libraries": GPU_OVERHEAD if gpu else CPU_OVERHEAD,
    }
    rows, longest = batch * answers, prompt + max_new_tokens
    parts = _generation(sizes, width, rows, batch, longest, prompt)
    return Memory(resident, parts | _encoding(sizes, width, batch, clip), {})


def _weight_bytes(sizes: PolicySizes, width: int) -> int:
    """All parts, with the motion encoder in float32."""
    motion = sizes.weights[FROZEN]
    return width * (sizes.total - motion) + _SINGLE * motion


def _adapter_bytes(job: TrainingJob) -> int:
    lora = job.training.lora
    return job.width * job.sizes.adapters(lora.rank, {*lora.parts}) if lora else 0


def _generation(
    sizes: PolicySizes, width: int, rows: int, prompts: int, longest: int, prompt: int
) -> dict[str, int]:
    """Keys and values of every row with its own copy of the prompt; a layer of the prefill."""
    layer = width * (3 * sizes.text.intermediate + 4 * sizes.text.hidden)
    return {
        "cache": rows * longest * sizes.cache_bytes(width),
        "prefill": min(prompts, rows_at_a_time(prompt)) * prompt * layer,
        "logits of a token": 2 * _SINGLE * rows * sizes.vocabulary,
    }


def _encoding(sizes: PolicySizes, width: int, clips: int, clip: ClipSetting) -> dict[str, int]:
    """A layer of the image encoder, which sees the frames in portions."""
    layer = width * (2 * sizes.vision.intermediate + 4 * sizes.vision.hidden)
    patches = sizes.patches(clip.size)
    return {"images": min(clips * clip.frames, rows_at_a_time(patches)) * patches * layer}


def _update(job: TrainingJob) -> dict[str, int]:
    """Forward and backward over the packed rows of a device's batch."""
    sizes, how, width = job.sizes, job.training, job.width
    row = int(job.row_tokens(how.max_new_tokens))
    tokens = how.videos_per_device * row
    patches = how.videos_per_device * job.clip.frames * sizes.patches(job.clip.size)
    text = _stack(sizes.text, saved_by_text_layer(sizes.text, width), tokens, job)
    vision = (0, 0)
    if "vision" not in how.freeze:
        vision = _stack(sizes.vision, saved_by_vision_layer(sizes.vision, width), patches, job)
    chunk = min(TOKENS_AT_A_TIME, tokens) * sizes.vocabulary
    return {
        "activations": text[0] + vision[0],
        "one layer backward": max(text[1], vision[1]),
        "logits of a chunk": (width + 2 * _SINGLE) * chunk,
        "mask": tokens * row * width,
    }


def _stack(layers: Layers, saved: int, tokens: int, job: TrainingJob) -> tuple[int, int]:
    """Bytes kept until the backward pass, and those of the layer that is just gone through."""
    gradients = tokens * job.width * (3 * layers.intermediate + layers.hidden)
    if job.training.gradient_checkpointing:
        inputs = tokens * job.width * layers.hidden * layers.number
        return inputs, tokens * saved + gradients
    return tokens * saved * layers.number, gradients
