"""Predictions: a policy's answers about every clip of a benchmark; labels are not read.

Source: docs/method.md, section 6.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from tqdm import tqdm

from vqathinker.atomic import whole_file
from vqathinker.evaluation.origins import origin_of_policy, versions_of
from vqathinker.evaluation.predictions import COLUMNS, write_predictions
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.journal import Journal, open_journal
from vqathinker.params import AnswerParams, Device, EvaluationParams
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.policy.device import choose_device, choose_dtype
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.scoring import ClipScores, Scorer, mean_of
from vqathinker.video.store import ClipStore

T = TypeVar("T")
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """A policy, the clips that it is asked about, and how.

    `origin` is what predictions record: everything that answers depend on, and package versions.
    """

    policy: Policy
    store: ClipStore
    scorer: Scorer
    how: EvaluationParams
    origin: dict[str, Any]


def predict(  # noqa: PLR0913  each decides what is asked or written
    policy: Path, clips: Sequence[Path], how: EvaluationParams, answer: AnswerParams, *, run: str,
    benchmark: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write a row for each decoded clip: its scores or null, and the whole greedy completion.

    Two runs on one machine write the same bytes, also if one of them was killed and resumed: a
    journal next to `out` keeps finished batches. `times` gets columns video and seconds, an equal
    share of the wall time of its batch.
    """
    asked = load_asked(policy, clips, how, answer, run=run, benchmark=benchmark, device=device)
    batches = batches_of(asked.store.ids, how.batch_size)
    write_answers(out, asked.origin, "predict", batches, partial(_ask, asked), times)


def load_asked(
    policy: Path, clips: Sequence[Path], how: EvaluationParams, answer: AnswerParams, *,
    run: str, benchmark: str, device: Device = "cpu",
) -> Asked:  # fmt: skip
    """Load a policy and open the shards of a benchmark."""
    place = choose_device(device)
    precision = choose_dtype(how.precision, place)
    loaded = load_policy(policy, place, precision)
    store = ClipStore(clips)
    origin = {
        "run": run, "benchmark": benchmark, "policy": loaded.provenance["policy"],
        "setting": store.setting, "decoding": how.model_dump(), "answer": answer.model_dump(),
        "clips": [sha256_of_file(path) for path in clips],
        "device": place.type, "precision": str(precision).removeprefix("torch."),
        "machine": describe_machine(), "policy_origin": origin_of_policy(policy, loaded.provenance),
        "versions": versions_of("numpy", "tokenizers", "torch", "transformers"),
    }  # fmt: skip
    return Asked(loaded, store, Scorer(loaded.model, loaded.tokenizer, how, answer), how, origin)


def batches_of(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Batches of `size` items; the last one may be smaller."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def write_answers(
    out: Path, origin: Mapping[str, Any], job: str, batches: Sequence[Sequence[str]],
    ask: Callable[[Sequence[str]], Rows], times: Path | None = None,
) -> None:  # fmt: skip
    """Ask about every batch that the journal next to `out` lacks, and write all rows.

    Rows depend on the version of `job` in `RESULTS_VERSION`; `ask` returns the rows of a batch;
    `times` is that of `predict`.
    """
    origin = {**origin, "code": code_digest()}
    with open_journal(out, journal_key(origin, job)) as journal:
        rows = ask_missing(batches, ask, journal, f"{origin['run']} {origin['benchmark']}")
        write_times(times, rows, "video")
        table = pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
        write_predictions(out, table.drop(columns="seconds", errors="ignore"), origin)
        journal.remove()


def journal_key(origin: Mapping[str, Any], job: str) -> dict[str, Any]:
    """What resumed answers must agree in: everything but code and versions of packages."""
    counted = {key: value for key, value in origin.items() if key not in {"code", "versions"}}
    return {**counted, "results_version": RESULTS_VERSION[job]}


def ask_missing(
    batches: Sequence[Sequence[T]], ask: Callable[[Sequence[T]], Rows], journal: Journal,
    about: str, unit: str = "video",
) -> Rows:  # fmt: skip
    """Ask about every batch that the journal lacks; returns all rows, with their seconds."""
    done = len(journal.entries)
    sizes = [len(batch) for batch in batches]
    with tqdm(
        total=sum(sizes), initial=sum(sizes[:done]), desc=about, unit=unit, disable=None
    ) as shown:
        for batch in batches[done:]:
            began = time.perf_counter()
            rows = ask(batch)
            seconds = (time.perf_counter() - began) / len(rows)
            journal.add([{**row, "seconds": seconds} for row in rows])
            shown.update(len(batch))
    return [row for batch in journal.entries for row in batch]


def write_times(out: Path | None, rows: Rows, about: str) -> None:
    """Write the columns `about` and seconds as CSV, unless `out` is None."""
    if out is not None:
        clock = pd.DataFrame(rows, columns=[about, "seconds"])
        with whole_file(out) as part:
            clock.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")


def _ask(asked: Asked, videos: Sequence[str]) -> Rows:
    scores = asked.scorer.ask(asked.store.batch(videos), videos)
    return [row_of(video, one, asked.how) for video, one in zip(videos, scores, strict=True)]


def row_of(video: str, scores: ClipScores, how: EvaluationParams) -> dict[str, Any]:
    """The row of predictions for the scores of a clip."""
    row: dict[str, Any] = {
        "video": video,
        "completion": scores.completion.text,
        "parse_status": scores.answer.status,
        "greedy": scores.answer.score,
    }
    if scores.samples:
        row["mean"], row["mean_spread"] = mean_of(scores.samples)
        row["samples"] = [answer.score for answer in scores.samples]
        row["sample_statuses"] = [answer.status for answer in scores.samples]
    if scores.expected is not None:
        for name, value in scores.expected._asdict().items():
            row["expected" if name == "score" else f"expected_{name}"] = value
    return {**row, "score": row[how.score]}
