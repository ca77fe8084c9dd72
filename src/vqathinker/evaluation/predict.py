"""What a policy says about every clip of a benchmark; labels are not read.

Source: docs/method.md, section 6.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tqdm import trange

from vqathinker.atomic import whole_file
from vqathinker.evaluation.predictions import COLUMNS, write_predictions
from vqathinker.params import AnswerParams, EvaluationParams
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.normalisation import normalise
from vqathinker.policy.scoring import ClipScores, Scorer, mean_of
from vqathinker.video.store import ClipStore

__all__ = ["predict"]


def predict(
    policy: Path, clips: Sequence[Path], how: EvaluationParams, answer: AnswerParams, *, run: str,
    benchmark: str, out: Path, times: Path | None = None,
) -> None:  # fmt: skip
    """Write one row per decoded clip: its scores or null, and the whole greedy completion.

    Two runs on one machine write the same bytes. `times` gets what differs between them: columns
    video and seconds, an equal share of what its batch took by the clock.
    """
    model, tokenizer, provenance = load_policy(policy)
    scorer = Scorer(model, tokenizer, how, answer)
    store = ClipStore(clips)
    rows: list[dict[str, object]] = []
    seconds: dict[str, float] = {}
    for start in trange(0, len(store.ids), how.batch_size, desc=f"{run} {benchmark}", disable=None):
        videos = store.ids[start : start + how.batch_size]
        began = time.perf_counter()
        frames = store.batch(videos)
        tokens = model.config.tokens_per_frame(frames.shape[-1])
        ids = prompt_ids(
            tokenizer, "evaluation", frames.shape[1], tokens, thinking=model.config.thinking
        )
        prompts = encode_prompts(model, ids, normalise(frames.to(model.device)))
        told = scorer.score(prompts, videos)
        seconds |= dict.fromkeys(videos, (time.perf_counter() - began) / len(videos))
        rows += [_row(video, scores, how) for video, scores in zip(videos, told, strict=True)]
    write_predictions(out, pd.DataFrame(rows, columns=None if rows else list(COLUMNS)), {
        "run": run, "benchmark": benchmark, "policy": provenance["policy"],
        "setting": store.setting, "decoding": how.model_dump(), "answer": answer.model_dump(),
        "clips": [hashlib.sha256(path.read_bytes()).hexdigest() for path in clips],
        "machine": describe_machine(),
    })  # fmt: skip
    if times is not None:
        clock = pd.DataFrame({"video": list(seconds), "seconds": list(seconds.values())})
        with whole_file(times) as part:
            clock.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")


def _row(video: str, told: ClipScores, how: EvaluationParams) -> dict[str, object]:
    row: dict[str, object] = {
        "video": video,
        "completion": told.completion.text,
        "parse_status": told.answer.status,
        "greedy": told.answer.score,
    }
    if told.samples:
        row["mean"], row["mean_spread"] = mean_of(told.samples)
        row["samples"] = [answer.score for answer in told.samples]
        row["sample_statuses"] = [answer.status for answer in told.samples]
    if told.expected is not None:
        row["expected"], row["expected_spread"], row["expected_mass"] = told.expected
    return {**row, "score": row[how.score]}
