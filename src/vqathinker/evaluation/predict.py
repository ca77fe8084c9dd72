"""What a policy says about every clip of a benchmark; labels are not read.

Source: docs/method.md, section 6.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from vqathinker.atomic import whole_file
from vqathinker.evaluation.journal import PredictionJournal
from vqathinker.evaluation.predictions import COLUMNS, write_predictions
from vqathinker.params import AnswerParams, Device, EvaluationParams
from vqathinker.phases.hashing import code_behind
from vqathinker.policy.device import choose_device, choose_dtype
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.inputs import encode_prompts, prompt_ids
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.normalisation import normalise
from vqathinker.policy.scoring import ClipScores, Scorer, mean_of
from vqathinker.video.store import ClipStore

__all__ = ["predict"]


def predict(  # noqa: PLR0913  each decides what is said, or where it goes
    policy: Path, clips: Sequence[Path], how: EvaluationParams, answer: AnswerParams, *, run: str,
    benchmark: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write one row per decoded clip: its scores or null, and the whole greedy completion.

    Two runs on one machine write the same bytes, also where one of them was killed and went on:
    batches that are through are kept beside `out` until it is whole. `times` gets what differs:
    columns video and seconds, an equal share of what its batch took by the clock.
    """
    place = choose_device(device)
    precision = choose_dtype(how.precision, place)
    loaded = load_policy(policy, place, precision)
    store = ClipStore(clips)
    origin = {
        "run": run, "benchmark": benchmark, "policy": loaded.provenance["policy"],
        "setting": store.setting, "decoding": how.model_dump(), "answer": answer.model_dump(),
        "clips": [hashlib.sha256(path.read_bytes()).hexdigest() for path in clips],
        "device": place.type, "precision": str(precision).removeprefix("torch."),
        "machine": describe_machine(),
    }  # fmt: skip
    code = code_behind(Path("evaluation", "predict.py"), Path(__file__).parents[2])
    with PredictionJournal(out, {**origin, "code": code}) as journal:
        _ask(loaded, store, how, answer, journal, f"{run} {benchmark}")
        rows = [row for batch in journal.batches for row in batch]
        if times is not None:
            clock = pd.DataFrame(rows, columns=["video", "seconds"])
            with whole_file(times) as part:
                clock.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")
        table = pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
        write_predictions(out, table.drop(columns="seconds", errors="ignore"), origin)
        journal.remove()


def _ask(
    loaded: Policy, store: ClipStore, how: EvaluationParams, answer: AnswerParams,
    journal: PredictionJournal, about: str,
) -> None:  # fmt: skip
    """Ask about every batch that the journal lacks; what it holds stays as it is."""
    model, tokenizer, _ = loaded
    scorer = Scorer(model, tokenizer, how, answer)
    batches = [
        store.ids[start : start + how.batch_size]
        for start in range(0, len(store.ids), how.batch_size)
    ]
    done = len(journal.batches)
    through = sum(map(len, batches[:done]))
    with tqdm(
        total=len(store.ids), initial=through, desc=about, unit="video", disable=None
    ) as shown:
        for videos in batches[done:]:
            began = time.perf_counter()
            frames = store.batch(videos)
            tokens = model.config.tokens_per_frame(frames.shape[-1])
            ids = prompt_ids(
                tokenizer, "evaluation", frames.shape[1], tokens, thinking=model.config.thinking,
                motion=model.config.motion_token,
            )  # fmt: skip
            prompts = encode_prompts(model, ids, normalise(frames.to(model.device)))
            told = scorer.score(prompts, videos)
            seconds = (time.perf_counter() - began) / len(videos)
            pairs = zip(videos, told, strict=True)
            journal.add([{**_row(video, said, how), "seconds": seconds} for video, said in pairs])
            shown.update(len(videos))


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
