"""How fast clips are predicted: this project compared with the authors' evaluation.

Both versions ask the same policy about the same clips in file order, in batches of 16, with greedy
decoding and the same prompts and answers, and encode each clip once. The baseline, measured in the
same run, works like the authors' code: transformers' `generate`, which computes every batch to the
end of its longest answer.

The policy has random weights and a small size with realistic proportions: 1,536 visual tokens, a
prompt ten times as long as an answer, and the filter bank, because SlowFast would take most of the
time of such a small policy but is a small part of that of an 8B one. Random weights do not end an
answer, so each length is drawn from a log-normal distribution around `--median`. The length
distribution of a trained policy is not published; `--spread` is an assumption that affects the
ratio. `--size` selects one of InternVL3's sizes, for a GPU.

    python benchmarks/evaluate.py --output evaluate.json
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import InternVLVisionConfig, Qwen2Config

from vqathinker.policy.config import VQAThinkerConfig
from vqathinker.policy.generation import EncodedPrompts, generate
from vqathinker.policy.inputs import encode_pixels
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.model import VQAThinkerForConditionalGeneration
from vqathinker.policy.sizes import SIZES, config_of
from vqathinker.video.sampling import parse_setting

Policy = VQAThinkerForConditionalGeneration

TEXT_TOKENS = 150  # of a prompt
END = 0  # the token that ends an answer


class PlannedHead(nn.Module):
    """A policy's head that ends completions at planned lengths.

    It is called once per step. If rows have left the batch, they are the ones that have ended.
    """

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head
        self.rows_computed = 0
        self.begin(torch.zeros(0))

    def begin(self, lengths: Tensor) -> None:
        """Set the lengths (completions,) of the next batch."""
        self._lengths, self._step = lengths, 0

    def forward(self, hidden: Tensor) -> Tensor:
        """The head's logits, in which the end token has the highest or the lowest value."""
        logits: Tensor = self.head(hidden)
        if len(hidden) < len(self._lengths):
            self._lengths = self._lengths[self._lengths > self._step]
        self._step += 1
        self.rows_computed += len(hidden)
        ended = (self._lengths <= self._step).to(logits.device)
        # Finite, because transformers' `generate` still computes rows that have ended.
        logits[..., END] = torch.where(ended, 1e9, -1e9).view(-1, *[1] * (logits.ndim - 2))
        return logits


def main() -> None:
    """Measure both versions and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument(
        "--size", choices=SIZES, help="a size of InternVL3; default: a small policy"
    )
    parser.add_argument("--quick", action="store_true", help="few clips and tokens, as a test")
    parser.add_argument("--setting", default="6x448", help="frames x size")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument(
        "--median", type=int, default=150, help="median length of an answer in tokens"
    )
    parser.add_argument(
        "--spread", type=float, default=0.5, help="standard deviation of log length"
    )
    parser.add_argument("--tokens", type=int, default=1024, help="maximum length of an answer")
    parser.add_argument("--repeats", type=int, default=1, help="timings; the best one counts")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.setting, arguments.clips, arguments.batch = "6x224", 4, 4
        arguments.median, arguments.tokens = 6, 12
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    policy = _build(config_of(arguments.size) if arguments.size else _small(), device)
    report = _measure(policy, arguments)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps({key: report[key] for key in ("ratios", "counts")}, indent=2))  # noqa: T201


def _measure(policy: Policy, arguments: argparse.Namespace) -> dict[str, Any]:
    shape = parse_setting(arguments.setting)
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(arguments.clips, generator=generator) * arguments.spread
    lengths = (arguments.median * drawn.exp()).long().clamp(2, arguments.tokens)
    frames = (arguments.clips, shape.frames, 3, shape.size, shape.size)
    pixels = torch.randn(frames, generator=generator).to(policy.device)
    ids = _prompt(policy, shape.frames, shape.size)
    versions = {"ours": _ours, "as the authors": _like_the_authors}
    seconds: dict[str, float] = {}
    rows, answers = {}, {}
    for name, answer in versions.items():
        _ask(policy, ids, pixels[:2], torch.full((2,), 2), answer, arguments)  # warm-up
        runs = []
        for _ in range(arguments.repeats):
            policy.lm_head.rows_computed = 0
            tokens, parts = _ask(policy, ids, pixels, lengths, answer, arguments)
            runs.append(parts)
        best = min(runs, key=lambda parts: sum(parts.values()))
        seconds |= {f"{name}, {part}": value for part, value in best.items()}
        seconds[name] = sum(best.values())
        rows[name], answers[name] = policy.lm_head.rows_computed, tokens
    pairs = list(zip(*answers.values(), strict=True))
    parts = ("encode", "answer")
    return {
        "what": f"prediction of {arguments.clips} clips of {arguments.setting}, end to end",
        "ratios": {"ours over the authors' way": seconds["as the authors"] / seconds["ours"]}
        | {f"{part} alone": seconds[f"as the authors, {part}"] / seconds[f"ours, {part}"]
           for part in parts},
        "seconds": seconds,
        "counts": {
            "weights": policy.num_parameters(), "prompt_tokens": len(ids),
            "batch": arguments.batch, "answer_tokens": int(lengths.sum()),
            "longest": int(lengths.max()), "median": arguments.median, "spread": arguments.spread,
            "rows_of_token_steps": rows, "equal_answers": sum(one == two for one, two in pairs),
            "clips": arguments.clips,
        },
        "machine": describe_machine(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers")},
    }  # fmt: skip


def _ask(
    policy: Policy, ids: Tensor, pixels: Tensor, lengths: Tensor,
    answer: Callable[..., list[list[int]]], arguments: argparse.Namespace,
) -> tuple[list[list[int]], dict[str, float]]:  # fmt: skip
    """Answers for all clips, and the seconds for encoding and answering."""
    answers: list[list[int]] = []
    seconds = {"encode": 0.0, "answer": 0.0}
    for start in range(0, len(pixels), arguments.batch):
        batch = slice(start, start + arguments.batch)
        policy.lm_head.begin(lengths[batch])
        began = _now()
        prompts = encode_pixels(policy, pixels[batch]).prompts(policy, ids)
        encoded = _now()
        answers += answer(policy, prompts, arguments.tokens)
        seconds["encode"] += encoded - began
        seconds["answer"] += _now() - encoded
    return answers, seconds


def _ours(policy: Policy, prompts: EncodedPrompts, tokens: int) -> list[list[int]]:
    rows = torch.arange(len(prompts.input_ids), device=policy.device)
    return generate(policy, prompts, rows, tokens, END).ids


@torch.no_grad()
def _like_the_authors(policy: Policy, prompts: EncodedPrompts, tokens: int) -> list[list[int]]:
    """Transformers' own generation of a whole batch."""
    ids, frames, motion = prompts
    generated = policy.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), frame_features=frames,
        motion_features=motion, do_sample=False, max_new_tokens=tokens, eos_token_id=END,
        pad_token_id=END, bad_words_ids=[[policy.config.image_token_id]],
    )[:, ids.shape[1] :].tolist()  # fmt: skip
    return [row[: row.index(END) + 1] if END in row else row for row in generated]


def _prompt(policy: Policy, frames: int, size: int) -> Tensor:
    image = policy.config.image_token_id
    visual = torch.full((frames * policy.config.tokens_per_frame(size) + 1,), image)
    text = 1 + torch.arange(TEXT_TOKENS) % (image - 2)
    return torch.cat([text[:-9], visual, text[-9:]]).to(policy.device)


def _small() -> VQAThinkerConfig:
    vision = InternVLVisionConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=256,
        image_size=[448, 448], attention_bias=True,
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=8192, hidden_size=256, num_hidden_layers=4, num_attention_heads=8,
        num_key_value_heads=2, intermediate_size=1024, max_position_embeddings=8192,
    )  # fmt: skip
    return VQAThinkerConfig(
        motion={"encoder": "filter_bank"}, setting="6x448", vision_config=vision,
        text_config=text, image_token_id=8191, downsample_ratio=0.5, tie_word_embeddings=False,
    )  # fmt: skip


def _build(config: VQAThinkerConfig, device: torch.device) -> Policy:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16 if device.type == "cuda" else torch.float32)
    with device:
        policy = Policy(config)
    torch.set_default_dtype(torch.float32)
    policy.lm_head = PlannedHead(policy.lm_head)
    return policy.eval()


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
