"""Speed of a policy: motion branch, image encoder, prompt and completions, by attention kernel.

Weights are random, with InternVL3's sizes, so nothing is downloaded. Baselines, measured in the
same run: `eager` attention, the pools of the motion branch as the authors implement them, and
transformers' `generate` with a copy of the prompt per rollout. Uses bfloat16 on a GPU, else
float32; `--tiny` takes seconds on any machine.

    python benchmarks/gpu/policy.py --size 8B --output policy.json
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import InternVLVisionConfig, Qwen2Config

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.generation import EncodedPrompts, generate, prefill
from vqathinker.policy.inputs import encode_pixels
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.motion.slowfast import SlowFastR50, time_repeats
from vqathinker.policy.sizes import SIZES, config_of
from vqathinker.video.sampling import parse_setting

Policy = VQAThinkerForConditionalGeneration

WORDS = 150  # tokens of a prompt that are not visual
ATTENTIONS = ("eager", "sdpa", "flash_attention_2")
_NEVER = -1  # an end token that does not exist, so that all completions have full length


class Load(NamedTuple):
    """Input of the measurement."""

    pixels: Tensor  # (clips, frames, 3, size, size)
    ids: Tensor  # (length,) the prompt
    group: int  # rollouts per clip
    tokens: int  # of a completion


def main() -> None:
    """Measure one size and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--size", choices=SIZES, default="8B")
    parser.add_argument("--tiny", action="store_true", help="a policy of 0.2 M weights at 6x224")
    parser.add_argument("--setting", help="frames x size; default 12x560, or 6x224 with --tiny")
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--group", type=int, default=4, help="rollouts per clip")
    parser.add_argument("--tokens", type=int, default=64, help="tokens per completion")
    parser.add_argument(
        "--repeats", type=int, default=3, help="number of measurements; the fastest counts"
    )
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = _tiny() if arguments.tiny else config_of(arguments.size)
    policy = _build(config, device)
    load = _load(policy, arguments)
    seconds = _motion(policy.model.motion_encoder, load.pixels, arguments.repeats)
    skipped: dict[str, str] = {}
    for name in ATTENTIONS:
        try:
            policy.set_attn_implementation(name)
            seconds |= _policy(policy, load, name, arguments.repeats)
        except (ImportError, torch.OutOfMemoryError) as error:
            skipped[name] = str(error).partition("\n")[0]
    report = {
        "what": f"InternVL3-{'tiny' if arguments.tiny else arguments.size} with a motion token",
        "ratios": _ratios(seconds),
        "seconds": seconds,
        "milliseconds_per_clip": {
            name: 1000 * value / arguments.clips for name, value in seconds.items()
        },
        "counts": _counts(policy, load),
        "skipped": skipped,
        "machine": _machine(device),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers")},
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"ratios": report["ratios"], "skipped": skipped}, indent=2))  # noqa: T201


def _tiny() -> VQAThinkerConfig:
    vision = InternVLVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        image_size=[224, 224], attention_bias=True,
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=512, hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=128,
    )  # fmt: skip
    return VQAThinkerConfig(
        motion={"encoder": "slowfast_r50"}, setting="6x224", vision_config=vision,
        text_config=text, image_token_id=511, downsample_ratio=0.5,
    )  # fmt: skip


def _build(config: VQAThinkerConfig, device: torch.device) -> Policy:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if device.type == "cuda" else torch.float32)
    with device:
        policy = Policy(config)
    torch.set_default_dtype(torch.float32)
    return policy.eval()


def _load(policy: Policy, arguments: argparse.Namespace) -> Load:
    shape = parse_setting(arguments.setting or policy.config.setting)
    visual = shape.frames * policy.config.tokens_per_frame(shape.size) + 1
    image = policy.config.image_token_id
    words = torch.arange(WORDS) % (image - 1)
    ids = torch.cat([words[:-9], torch.full((visual,), image), words[-9:]]).to(policy.device)
    generator = torch.Generator(policy.device).manual_seed(1)
    pixels = torch.randn(
        (arguments.clips, shape.frames, 3, shape.size, shape.size),
        generator=generator, device=policy.device,
    )  # fmt: skip
    return Load(pixels, ids, arguments.group, arguments.tokens)


@torch.no_grad()
def _motion(encoder: SlowFastR50, pixels: Tensor, repeats: int) -> dict[str, float]:
    ours, feature = clock(lambda: encoder(pixels), repeats)
    literal, expected = clock(lambda: _authors_pooling(encoder, pixels), repeats)
    torch.testing.assert_close(feature, expected, rtol=1e-3, atol=1e-4)
    return {"motion": ours, "motion, authors' pools": literal}


def _authors_pooling(encoder: SlowFastR50, pixels: Tensor) -> Tensor:
    """The feature with all pools computed, on features repeated over time."""
    fast = pixels.transpose(1, 2).contiguous()
    frames = fast.shape[2]
    paths = [fast[:, :, torch.linspace(0, frames - 1, -(-frames // 4)).long()], fast]
    for block in encoder.blocks:
        paths = block(paths)
    repeat = time_repeats(frames)
    windows = ((8, 7, 7), (32, 7, 7))
    pooled = [
        nn.functional.avg_pool3d(path.repeat_interleave(repeat, dim=2), window, stride=1)
        for path, window in zip(paths, windows, strict=True)
    ]
    return torch.cat([path.mean((2, 3, 4)) for path in pooled], dim=1)


@torch.no_grad()
def _policy(policy: Policy, load: Load, name: str, repeats: int) -> dict[str, float]:
    encode_s, prompts = clock(
        lambda: encode_pixels(policy, load.pixels).prompts(policy, load.ids), repeats
    )
    prefill_s, _ = clock(lambda: prefill(policy, prompts), repeats)
    rows = torch.arange(len(load.pixels), device=policy.device).repeat_interleave(load.group)
    generate_s, _ = clock(lambda: generate(policy, prompts, rows, load.tokens, _NEVER), repeats)
    copied_s, _ = clock(lambda: _copied(policy, prompts, load), repeats)
    times = {
        "encode": encode_s,
        "prefill": prefill_s,
        "generate": generate_s,
        "generate, prompts copied": copied_s,
    }
    return {f"{what}, {name}": value for what, value in times.items()}


def _copied(policy: Policy, prompts: EncodedPrompts, load: Load) -> Tensor:
    """transformers' generate, which computes the prompt for each rollout."""
    rows = torch.arange(len(load.pixels), device=policy.device).repeat_interleave(load.group)
    ids, frames, motion = (part[rows] for part in prompts)
    return policy.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), frame_features=frames,
        motion_features=motion, do_sample=False, max_new_tokens=load.tokens,
        min_new_tokens=load.tokens, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip


def clock(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Shortest time after a warm-up, and the last result."""
    result = work()
    seconds = []
    for _ in range(repeats):
        _wait()
        start = time.perf_counter()
        result = work()
        _wait()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _ratios(seconds: dict[str, float]) -> dict[str, float]:
    """Speed-ups over the baselines."""
    ratios = {"motion over authors' pools": seconds["motion, authors' pools"]}
    ratios = {name: value / seconds["motion"] for name, value in ratios.items()}
    for name in ATTENTIONS:
        if f"generate, {name}" not in seconds:
            continue
        shared, copied = seconds[f"generate, {name}"], seconds[f"generate, prompts copied, {name}"]
        ratios[f"generate over prompts copied, {name}"] = copied / shared
        if name != "eager" and "encode, eager" in seconds:
            for what in ("encode", "prefill", "generate"):
                faster = seconds[f"{what}, eager"] / seconds[f"{what}, {name}"]
                ratios[f"{what}, {name} over eager"] = faster
    return ratios


def _counts(policy: Policy, load: Load) -> dict[str, Any]:
    clips, frames, _, size, _ = load.pixels.shape
    return {
        "weights": policy.num_parameters(), "clips": clips, "setting": f"{frames}x{size}",
        "prompt_tokens": len(load.ids), "group": load.group, "new_tokens": load.tokens,
    }  # fmt: skip


def _machine(device: torch.device) -> dict[str, Any]:
    machine: dict[str, Any] = {"processor": platform.machine(), "threads": torch.get_num_threads()}
    if device.type == "cuda":
        free_and_all: Sequence[int] = torch.cuda.mem_get_info()
        machine |= {"gpu": torch.cuda.get_device_name(), "gpu_bytes": free_and_all[1]}
        machine["peak_bytes"] = torch.cuda.max_memory_allocated()
    return machine


if __name__ == "__main__":
    main()
