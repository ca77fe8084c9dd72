"""What a policy says about every clip of a benchmark, decoded greedily; labels are not read.

Source: docs/method.md, section 6.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from tqdm import trange

from vqathinker.atomic import whole_file
from vqathinker.evaluation.predictions import COLUMNS, write_predictions
from vqathinker.params import EvaluationParams
from vqathinker.policy.folder.checkpoint import load_policy
from vqathinker.policy.generation import generate
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.normalisation import normalise
from vqathinker.policy.prompt import parse
from vqathinker.video.store import ClipStore

__all__ = ["predict"]


def predict(
    policy: Path, clips: Sequence[Path], how: EvaluationParams, *, run: str, benchmark: str,
    out: Path, times: Path | None = None,
) -> None:  # fmt: skip
    """Write one row per decoded clip: score or null, and the whole completion.

    Two runs on one machine write the same bytes. `times` gets what differs between them: columns
    video and seconds, an equal share of what its batch took by the clock.
    """
    model, tokenizer, provenance = load_policy(policy)
    store = ClipStore(clips)
    rows: list[dict[str, object]] = []
    seconds: dict[str, float] = {}
    for start in trange(0, len(store.ids), how.batch_size, desc=f"{run} {benchmark}", disable=None):
        videos = store.ids[start : start + how.batch_size]
        began = time.perf_counter()
        frames = store.batch(videos)
        tokens = model.config.tokens_per_frame(frames.shape[-1])
        ids = prompt_ids(tokenizer, "evaluation", frames.shape[1], tokens)
        prompts = encode_prompts(model, ids, normalise(frames.to(model.device)))
        each = torch.arange(len(videos), device=model.device)
        done = generate(model, prompts, each, how.max_new_tokens, tokenizer.eos_token_id)
        share = (time.perf_counter() - began) / len(videos)
        seconds |= dict.fromkeys(videos, share)
        for video, text in zip(
            videos, tokenizer.batch_decode(done, skip_special_tokens=True), strict=True
        ):
            answer = parse(text)
            rows.append(
                {"video": video, "score": answer.score, "completion": text,
                 "parse_status": answer.status}
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"score": "Float64"})
    write_predictions(out, table, {
        "run": run, "benchmark": benchmark, "policy": provenance["policy"],
        "setting": store.setting, "decoding": "greedy", "max_new_tokens": how.max_new_tokens,
        "clips": [hashlib.sha256(path.read_bytes()).hexdigest() for path in clips],
        "machine": describe_machine(),
    })  # fmt: skip
    if times is not None:
        clock = pd.DataFrame({"video": list(seconds), "seconds": list(seconds.values())})
        with whole_file(times) as part:
            clock.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")
