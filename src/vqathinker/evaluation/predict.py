"""Predictions: a policy's answers for every clip of a benchmark. Labels are not read.

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
from vqathinker.evaluation.origins import HELD_OUT, package_versions, policy_origin
from vqathinker.evaluation.predictions import COLUMNS, write_predictions
from vqathinker.hashing import code_digest, sha256_of_file
from vqathinker.journal import Journal, open_journal
from vqathinker.params import AnswerParams, Device, EvaluationParams
from vqathinker.phases.results_version import RESULTS_VERSION
from vqathinker.phases.trees import without
from vqathinker.policy.device import choose_device, choose_dtype
from vqathinker.policy.folder.checkpoint import Policy, load_policy
from vqathinker.policy.machine import describe_machine
from vqathinker.policy.scoring import ClipScores, Scorer, mean_score
from vqathinker.video.store import ClipStore

T = TypeVar("T")
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class PredictionJob:
    """A loaded policy with the clips and settings of a prediction.

    `videos` are the ids of the clips to score: all in the store, but only the held-out ones if the
    policy was trained on other videos of the benchmark. `origin` is the provenance: everything that
    answers depend on, and package versions.
    """

    policy: Policy
    store: ClipStore
    videos: Sequence[str]
    scorer: Scorer
    settings: EvaluationParams
    origin: dict[str, Any]


def predict(  # noqa: PLR0913  inputs, settings and outputs of a command
    policy: Path, clips: Sequence[Path], settings: EvaluationParams, answer: AnswerParams, *,
    run: str, benchmark: str, out: Path, times: Path | None = None, device: Device = "cpu",
) -> None:  # fmt: skip
    """Write a row for each decoded clip: its scores, or null, and the full greedy completion.

    On its own training set, a policy with `training.holdout` has rows for the held-out clips only.

    Two runs on one machine write the same bytes, even if one was killed and resumed: a journal next
    to `out` keeps finished batches. `times` receives the columns video and seconds; the wall time
    of a batch is divided equally among its clips.
    """
    job = open_job(policy, clips, settings, answer, run=run, benchmark=benchmark, device=device)
    batches = split_batches(job.videos, settings.batch_size)
    predict_batches(out, job.origin, "predict", batches, partial(_predict_batch, job), times)


def open_job(
    policy: Path, clips: Sequence[Path], settings: EvaluationParams, answer: AnswerParams, *,
    run: str, benchmark: str, device: Device = "cpu",
) -> PredictionJob:  # fmt: skip
    """Load a policy and open the shards of a benchmark."""
    torch_device = choose_device(device)
    precision = choose_dtype(settings.precision, torch_device)
    loaded = load_policy(policy, torch_device, precision)
    store = ClipStore(clips)
    origin = {
        "run": run, "benchmark": benchmark, "policy": loaded.provenance["policy"],
        "setting": store.setting, "decoding": settings.model_dump(), "answer": answer.model_dump(),
        "clips": [sha256_of_file(path) for path in clips],
        "device": torch_device.type, "precision": str(precision).removeprefix("torch."),
        "machine": describe_machine(), "policy_origin": policy_origin(policy, loaded.provenance),
        "versions": package_versions("numpy", "tokenizers", "torch", "transformers"),
    }  # fmt: skip
    videos, trained_on = store.ids, loaded.provenance.get("trained_on", {})
    if trained_on.get("set") == benchmark and trained_on.get("held_out"):
        origin[HELD_OUT] = trained_on["held_out"]
        videos = [video for video in videos if video in origin[HELD_OUT]]
    scorer = Scorer(loaded.model, loaded.tokenizer, settings, answer)
    return PredictionJob(loaded, store, videos, scorer, settings, origin)


def split_batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Batches of `size` items; the last one may be smaller."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def predict_batches(
    out: Path, origin: Mapping[str, Any], job: str, batches: Sequence[Sequence[str]],
    ask: Callable[[Sequence[str]], Rows], times: Path | None = None,
) -> None:  # fmt: skip
    """Predict every batch that is not in the journal next to `out`, and write all rows.

    `job` is a key of `RESULTS_VERSION`, `ask` returns the rows of a batch, and `times` is that of
    `predict`.
    """
    origin = {**origin, "code": code_digest()}
    with open_journal(out, journal_key(origin, job)) as journal:
        rows = run_batches(batches, ask, journal, f"{origin['run']} {origin['benchmark']}")
        write_times(times, rows, "video")
        table = pd.DataFrame(rows, columns=None if rows else list(COLUMNS))
        write_predictions(out, table.drop(columns="seconds", errors="ignore"), origin)
        journal.remove()


def journal_key(origin: Mapping[str, Any], job: str) -> dict[str, Any]:
    """What must be equal for partial work to be resumed."""
    # Another version of the code or of a package resumes the work; RESULTS_VERSION decides.
    return {**without(origin, "code", "versions"), "results_version": RESULTS_VERSION[job]}


def run_batches(
    batches: Sequence[Sequence[T]], ask: Callable[[Sequence[T]], Rows], journal: Journal,
    about: str, unit: str = "video",
) -> Rows:  # fmt: skip
    """Run every batch that is not in the journal; returns all rows, with their seconds."""
    done = len(journal.entries)  # one entry per finished batch
    sizes = [len(batch) for batch in batches]
    with tqdm(
        total=sum(sizes), initial=sum(sizes[:done]), desc=about, unit=unit, disable=None
    ) as progress:
        for batch in batches[done:]:
            began = time.perf_counter()
            rows = ask(batch)  # may be killed here: the journal has only whole batches
            seconds = (time.perf_counter() - began) / len(rows)
            journal.add([{**row, "seconds": seconds} for row in rows])
            progress.update(len(batch))
    return [row for batch in journal.entries for row in batch]


def write_times(out: Path | None, rows: Rows, about: str) -> None:
    """Write the columns `about` and seconds as CSV, unless `out` is None."""
    if out is not None:
        clock = pd.DataFrame(rows, columns=[about, "seconds"])
        with whole_file(out) as part:
            clock.to_csv(part, index=False, float_format="%.4f", lineterminator="\n")


def _predict_batch(job: PredictionJob, videos: Sequence[str]) -> Rows:
    scores = job.scorer.score_clips(job.store.batch(videos), videos)
    return [
        prediction_row(video, one, job.settings) for video, one in zip(videos, scores, strict=True)
    ]


def prediction_row(video: str, scores: ClipScores, settings: EvaluationParams) -> dict[str, Any]:
    """The row of predictions for the scores of one clip."""
    row: dict[str, Any] = {
        "video": video,
        "completion": scores.completion.text,
        "parse_status": scores.answer.status,
        "greedy": scores.answer.score,
    }
    if scores.samples:
        row["mean"], row["mean_spread"] = mean_score(scores.samples)
        row["samples"] = [answer.score for answer in scores.samples]
        row["sample_statuses"] = [answer.status for answer in scores.samples]
    if scores.expected is not None:
        for name, value in scores.expected._asdict().items():
            row["expected" if name == "score" else f"expected_{name}"] = value
    return {**row, "score": row[settings.score]}
