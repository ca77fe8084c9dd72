"""The answer in one sentence: agreement with the labels before and after training."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vqathinker.reporting.tables.main import AVERAGES
from vqathinker.reporting.tables.main_grids import interval_text

__all__ = ["Answer", "answer_of"]

Line = Mapping[str, Any]

_MEASURE = "srcc"


class Answer(NamedTuple):
    """One sentence, and the lines that the figure beside it shows.

    `before` and `after` are lines of the ladder by benchmark; both are empty where the method has
    no scores.
    """

    sentence: str
    before: list[Line]
    after: list[Line]


def answer_of(ladder: Sequence[Line]) -> Answer:
    """The answer that the lines of `ladder.csv` give.

    Of several untrained rows the first stands for "before": the policy that training started from.
    """
    own = [line for line in ladder if line["measure"] == _MEASURE]
    after = [line for line in own if line["group"] == "method" and line["value"] is not None]
    untrained = [line for line in own if line["group"] == "untrained"]
    first = untrained[0]["row"] if untrained else None
    before = [line for line in untrained if line["row"] == first]
    return Answer(_sentence(before, after), _single(before), _single(after))


def _single(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line["benchmark"] not in AVERAGES]


def _sentence(before: Sequence[Line], after: Sequence[Line]) -> str:
    of_domain = {line["domain"]: line for line in before if line["benchmark"] == AVERAGES[0]}
    own = [line for line in after if line["benchmark"] == AVERAGES[0]]
    pairs = [(of_domain.get(line["domain"]), line) for line in own]
    if not own:
        return "There is no answer yet: the method has no scores on any benchmark that is here."
    parts = [_part(earlier, later) for earlier, later in pairs]
    return f"{_verdict([earlier for earlier, _ in pairs])}: {'; '.join(parts)}."


def _verdict(before: Sequence[Line | None]) -> str:
    """Differences are those of the row before training, less the method."""
    known = [line for line in before if line is not None and line["difference_high"] is not None]
    rises = [line for line in known if line["difference_high"] < 0]
    falls = [line for line in known if line["difference_low"] > 0]
    if not known:
        return "Nothing untrained to compare with"
    if len(rises) == len(before):
        return "Yes"
    if rises:
        return "In part"
    return "No, they follow it less" if falls else "Not surely"


def _part(before: Line | None, after: Line) -> str:
    where = f"{after['domain']} SRCC over {after['n']} videos"
    reached = interval_text(after["value"], after["low"], after["high"])
    if before is None or before["value"] is None:
        return f"{where} is {reached} after training"
    started = interval_text(before["value"], before["low"], before["high"])
    over = "" if before["n"] == after["n"] else f", over {before['n']} videos"
    return f"{where} is {reached} after training, and was {started} before{over}"
