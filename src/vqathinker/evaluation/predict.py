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

    Attributes:
        origin: all that its answers depend on, and the versions of packages, as predictions keep
            it.
    """

    policy: Policy
    store: ClipStore
    scorer: Scorer
    how: EvaluationParams
    origin: dict[str, Any]


def predict(  # noqa: PLR0913  each decides what is said, or where it goes
    policy: Path, clips: Sequence[Path], how: EvaluationParams, answer: AnswerParams, *, run: str,
    benchmark: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write one row per decoded clip: its scores or null, and the whole greedy completion.

    Two runs on one machine write the same bytes, also where one of them was killed and went on:
    batches that are through are kept beside `out` until it is whole. `times` gets what differs:
    columns video and seconds, an equal share of what its batch took by the clock.
    """
    asked = load_asked(policy, clips, how, answer, run=run, benchmark=benchmark, device=device)
    batches = batches_of(asked.store.ids, how.batch_size)
    write_answers(out, asked.origin, Path(__file__), batches, partial(_ask, asked), times)


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


def batches_of(videos: Sequence[str], size: int) -> list[Sequence[str]]:
    """Videos in batches of `size`; the last one may be smaller."""
    return [videos[start : start + size] for start in range(0, len(videos), size)]


def write_answers(
    out: Path, origin: Mapping[str, Any], module: Path, batches: Sequence[Sequence[str]],
    ask: Callable[[Sequence[str]], Rows], times: Path | None = None,
) -> None:  # fmt: skip
    """Ask about every batch of videos that the journal beside `out` lacks, and write all rows.

    Args:
        module: whose code, with all that it imports, makes the rows; named like their job.
        ask: gives the rows of a batch.
        times: as `predict` has it.
    """
    package = Path(__file__).parents[1]
    origin = {**origin, "code": code_digest(module.relative_to(package), package.parent)}
    with open_journal(out, journal_key(origin, module.stem)) as journal:
        rows = ask_missing(batches, ask, journal, f"{origin['run']} {origin['benchmark']}")
        write_times(times, rows, "video")
        table = pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
        write_predictions(out, table.drop(columns="seconds", errors="ignore"), origin)
        journal.remove()


def journal_key(origin: Mapping[str, Any], job: str) -> dict[str, Any]:
    """What answers that are resumed must depend on: no code, and no versions of packages."""
    counted = {key: value for key, value in origin.items() if key not in {"code", "versions"}}
    return {**counted, "results_version": RESULTS_VERSION[job]}


def ask_missing(
    batches: Sequence[Sequence[T]], ask: Callable[[Sequence[T]], Rows], journal: Journal,
    about: str, unit: str = "video",
) -> Rows:  # fmt: skip
    """Ask about every batch that the journal lacks; the rows of all batches, with their seconds."""
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
    """Write the columns `about` and seconds of some rows as CSV, where `out` is not None."""
    if out is not None:
        clock = pd.DataFrame(rows, columns=[about, "seconds"])
        with whole_file(out) as part:
            clock.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")


def _ask(asked: Asked, videos: Sequence[str]) -> Rows:
    told = asked.scorer.ask(asked.store.batch(videos), videos)
    return [row_of(video, said, asked.how) for video, said in zip(videos, told, strict=True)]


def row_of(video: str, told: ClipScores, how: EvaluationParams) -> dict[str, Any]:
    """The row of predictions that keeps what was told about a clip."""
    row: dict[str, Any] = {
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
        for name, value in told.expected._asdict().items():
            row["expected" if name == "score" else f"expected_{name}"] = value
    return {**row, "score": row[how.score]}
