"""The result of a run on a benchmark whose videos, or the run's training videos, nobody has yet.

It is a row as any other, with every video missing and no number, so that tables need no special
case; and it says what brings the set that lacks.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import Card, load_card
from vqathinker.errors import InputError
from vqathinker.evaluation.completeness import ABSENT
from vqathinker.evaluation.metrics import Metrics, evaluate
from vqathinker.params import EvaluationParams, IntervalsParams, SetParams

__all__ = ["write_absent"]

_NOTHING_DRAWN = IntervalsParams(resamples=100, seed=0, confidence=0.95)  # no score, no interval


def write_absent(
    run: str,
    benchmark: str,
    lacking: Sequence[str],
    data: SetParams,
    how: EvaluationParams,
    out: Path,
) -> Metrics:
    """Write the JSON of a run on a benchmark that cannot be scored for want of sets.

    It has the keys of `evaluation.metrics.write_metrics`; `n_missing` is `n`, the rows that the
    benchmark's card expects, `reason` says which set is not there and which command brings it.
    `not_scored` names no video, for without labels none has a name.

    Args:
        run: its name.
        benchmark: its name.
        lacking: the sets that are not there: the benchmark, the training set, or both.
        data: section `data`.
        how: section `evaluation`; the kinds of scores that there would be.
        out: JSON file to write.

    Raises:
        CardError: a set has no card, or a wrong one.
        InputError: `lacking` names nothing.
    """
    if not lacking:
        raise InputError(
            f"--lacking names no set; expected {benchmark}, the training set of run {run}, or both"
        )
    cards = Path(data.cards)
    reasons = {name: _reason(load_card(name, cards), benchmark) for name in lacking}
    card = load_card(benchmark, cards)
    result = _all_missing(run, card, card.expected or data.counts[benchmark], how)
    reason = "; ".join(reasons.values())
    written = {
        **result,
        "reason": reason,
        "measures": {
            name: {**found, "reason": reason} for name, found in result["measures"].items()
        },
        "not_scored": {},
        "provenance": {"run": run, "benchmark": benchmark, ABSENT: reasons},
    }
    with whole_file(out) as part:
        part.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def _all_missing(run: str, card: Card, rows: int, how: EvaluationParams) -> Metrics:
    """What a benchmark comes to of which every video is missing."""
    manifest = pd.DataFrame({"video": [f"row {number}" for number in range(rows)]})
    known = {"mos": 0.0, "domain": card.domain, "status": "missing"}
    manifest = manifest.assign(**known, reason=None, content=None)
    predictions = pd.DataFrame(columns=["video", "score", "parse_status", *how.kinds])
    where = {"run": run, "benchmark": card.name}
    return evaluate(predictions, manifest, {}, **where, score=how.score, intervals=_NOTHING_DRAWN)


def _reason(card: Card, benchmark: str) -> str:
    what = "" if card.name == benchmark else ", the training set,"
    names = [*([card.files_of] if card.files_of else []), card.name]
    command = " && ".join(f"vqathinker data fetch {name}" for name in names)
    first = ""
    if card.access.kind in {"manual", "token", "local"}:
        first = f"`vqathinker data status {card.name}` says what you do, then "
    return f"{card.name}{what} is not there: {first}`{command}` brings it"
