"""What stands beside the numbers of a table: sets that are not there, and lists that differ."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vqathinker.atomic import whole_file
from vqathinker.datasets.card import card_names, load_card
from vqathinker.errors import read_json
from vqathinker.evaluation.completeness import ABSENT
from vqathinker.products import METRICS

__all__ = ["NOTES", "NOT_THERE", "write_remarks"]

NOT_THERE = ("set", "rows", "reason")
NOTES = ("benchmark", "note")

Row = Mapping[str, Any]


def write_remarks(metrics: Sequence[Path], cards: Path, out_dir: Path) -> list[str]:
    """Write `not_there.csv`, `notes.csv`, and `notes.md` with both for reading.

    `not_there.csv` has each set that is not there, in how many results it lacks, and what brings
    it; `notes.csv` the key `table_note` of each benchmark's card.

    Args:
        metrics: JSON files, as of `tables.write_tables`.
        cards: folder of the user's own cards, which need not be there.
        out_dir: folder of the tables.

    Returns:
        What `notes.md` says, a sentence each.

    Raises:
        InputError: a file holds no metrics.
        CardError: a card is wrong.
    """
    results = [read_json(path, *METRICS) for path in metrics]
    lacking = _lacking(results)
    notes = list(_notes(dict.fromkeys(str(one.get("benchmark")) for one in results), cards))
    _write_csv(out_dir / "not_there.csv", NOT_THERE, lacking)
    _write_csv(out_dir / "notes.csv", NOTES, notes)
    said = [
        *(f"{row['reason']}. Empty rows for want of it: {row['rows']}." for row in lacking),
        *(f"{row['benchmark']}: {row['note']}" for row in notes),
    ]
    with whole_file(out_dir / "notes.md") as part:
        text = "".join(f"- {one}\n" for one in said)
        part.write_text(text or "Every set is there.\n", encoding="utf-8")
    return said


def _lacking(results: Iterable[Row]) -> list[Row]:
    found = [
        lack
        for result in results
        for lack in (result.get("provenance") or {}).get(ABSENT, {}).items()
    ]
    return [
        {"set": name, "rows": rows, "reason": reason}
        for (name, reason), rows in Counter(found).items()
    ]


def _notes(benchmarks: Iterable[str], cards: Path) -> Iterable[Row]:
    known = set(card_names(cards))
    for name in benchmarks:
        note = load_card(name, cards).table_note if name in known else None
        if note:
            yield {"benchmark": name, "note": note}


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with whole_file(path) as part:
        pd.DataFrame(rows, columns=list(columns)).to_csv(part, index=False, lineterminator="\n")
