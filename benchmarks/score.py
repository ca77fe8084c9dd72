"""Cost of each kind of score: greedy, the mean of sampled answers, the expectation.

The baseline, measured in the same run, is the greedy score alone. Times include the encoding of
frames, as in prediction. For the expectation, the report also contains the forward steps and
branches of the search, and the largest probability that the search left unexplored. The policy and
the clips are by default those of `make demo`.

    make demo
    python benchmarks/score.py --output score.json
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from vqathinker.params import AnswerParams, DemoBaseParams, EvaluationParams
from vqathinker.policy import expectation
from vqathinker.policy.folder.checkpoint import Policy, load_policy, save_policy
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.scoring import ClipScores, Scorer
from vqathinker.policy.tiny import build_policy, build_tokenizer
from vqathinker.video.store import ClipStore, write_shard

DEMO_POLICY = Path("models/demo/grpo/policy")
DEMO_CLIPS = Path("clips/demo_indomain/6x112-tiles4")
ANSWER = AnswerParams(parsing="strict", range=[0, 5])
TINY = {
    "name": "tiny", "kind": "demo", "seed": 1, "motion": {"encoder": "filter_bank"},
    "vision": {"hidden_size": 32, "layers": 1, "heads": 2, "patch_size": 14},
    "text": {"hidden_size": 32, "layers": 2, "heads": 2},
    "perception": {"steps": 1, "batch_size": 2, "learning_rate": 1e-3},
    "answer_format": {"steps": 1, "batch_size": 2, "learning_rate": 1e-3},
}  # fmt: skip


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--policy", type=Path, default=DEMO_POLICY, help="policy folder")
    parser.add_argument(
        "--clips", type=Path, nargs="+", help="clip shards; default: those of the demo"
    )
    parser.add_argument("--number", type=int, default=128, help="maximum number of clips")
    parser.add_argument("--batch", type=int, default=32, help="clips per batch")
    parser.add_argument("--answers", type=int, default=16, help="sampled answers per clip")
    parser.add_argument("--tokens", type=int, default=24, help="maximum tokens of a completion")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions; the fastest counts")
    parser.add_argument(
        "--quick", action="store_true", help="run on a tiny untrained policy, as a test"
    )
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        if arguments.quick:
            _make_tiny(Path(folder))
            arguments.policy = Path(folder, "policy")
            arguments.clips = [Path(folder, "clips.safetensors")]
        shards = arguments.clips or sorted(DEMO_CLIPS.glob("*.safetensors"))
        policy, store = load_policy(arguments.policy), ClipStore(shards)
        videos = store.ids[: arguments.number]
        timed = {
            name: _time(policy, store, videos, _how(arguments, kinds), arguments.repeats)
            for name, kinds in {"greedy": [], "mean": ["mean"], "expected": ["expected"]}.items()
        }
        search = _search(policy, store, videos, _how(arguments, ["expected"]))
    seconds = {name: value / len(videos) for name, (value, _) in timed.items()}
    report = {
        "what": f"scores of {len(videos)} clips of {store.setting}; seconds per clip",
        "ratios": {f"{name}, times greedy": value / seconds["greedy"]
                   for name, value in seconds.items() if name != "greedy"},
        "seconds": seconds,
        "expectation": search,
        "counts": {"clips": len(videos), "answers": arguments.answers, "batch": arguments.batch,
                   "readable": sum(one.answer.score is not None for one in timed["greedy"][1])},
        "machine": describe_machine(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("torch", "transformers")},
    }  # fmt: skip
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    summary = {name: report[name] for name in ("ratios", "seconds", "expectation")}
    print(json.dumps(summary, indent=2))  # noqa: T201


def _how(arguments: argparse.Namespace, beside: list[str]) -> EvaluationParams:
    sampling = {"answers": arguments.answers, "temperature": 1.0, "seed": 1}
    return EvaluationParams.model_validate(
        {"batch_size": arguments.batch, "max_new_tokens": arguments.tokens, "score": "greedy",
         "extra_scores": beside, "precision": "fp32", "sampling": sampling}
    )  # fmt: skip


def _time(
    policy: Policy, store: ClipStore, videos: list[str], how: EvaluationParams, repeats: int
) -> tuple[float, list[ClipScores]]:
    """Shortest time for all clips after one warm-up run, and the scores."""
    seconds = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        scores = _score(policy, store, videos, how)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:]), scores


def _search(
    policy: Policy, store: ClipStore, videos: list[str], how: EvaluationParams
) -> dict[str, float]:
    """Forward steps and branches of the search for each clip, and unexplored probability."""
    searches: list[list[int]] = []
    with _count_branches(searches):
        scores = _score(policy, store, videos, how)
    steps, branches = [len(one) for one in searches], [sum(one) for one in searches]
    missing = [one.expected.missing for one in scores if one.expected is not None]
    number = max(len(searches), 1)  # an untrained policy may not start an answer
    return {
        "steps per clip": sum(steps) / number, "maximum steps": max(steps, default=0),
        "branches per clip": sum(branches) / number, "maximum branches": max(branches, default=0),
        "maximum missing": max(missing, default=0.0),
    }  # fmt: skip


@contextmanager
def _count_branches(searches: list[list[int]]) -> Iterator[None]:
    """Record the branches of each forward step of each search in this block."""
    step = expectation._next_probabilities

    def count(policy: Any, nodes: Any, *rest: Any) -> torch.Tensor:
        if not nodes[0].ancestors:  # the root, so a new clip starts
            searches.append([])
        searches[-1].append(len(nodes))
        return step(policy, nodes, *rest)

    expectation._next_probabilities = count
    try:
        yield
    finally:
        expectation._next_probabilities = step


def _score(
    policy: Policy, store: ClipStore, videos: list[str], how: EvaluationParams
) -> list[ClipScores]:
    model, tokenizer, _ = policy
    scorer, scores = Scorer(model, tokenizer, how, ANSWER), []
    for start in range(0, len(videos), how.batch_size):
        batch = videos[start : start + how.batch_size]
        clips = store.batch(batch)
        tokens = model.config.tokens_per_frame(*clips.pixels.shape[-2:])
        ids = prompt_ids(tokenizer, "evaluation", clips.pixels.shape[1], tokens)
        scores += scorer.score_prompts(encode_prompts(model, ids, clips), batch)
    return scores


def _make_tiny(folder: Path) -> None:
    tokenizer = build_tokenizer(("I see",))
    policy = build_policy(DemoBaseParams.model_validate(TINY), tokenizer, 56)
    save_policy(policy, tokenizer, folder / "policy", "tiny\n", {})
    frames = torch.randint(
        256, (4, 6, 3, 56, 56), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    ids = [f"{number}.mp4" for number in range(4)]
    write_shard(
        folder / "clips.safetensors", ids, frames, torch.arange(6).expand(4, 6), {}, "6x56", {}
    )


if __name__ == "__main__":
    main()
