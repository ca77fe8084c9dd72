"""Sentences about the origin of labels."""

from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.card import label_origin
from vqathinker.params.base import RELEASED
from vqathinker.phases.cards import STAND_INS
from vqathinker.policy.label_sentences import describe_labels, describe_scores


def test_label_origin_comes_from_the_card(tmp_path: Path) -> None:
    assert label_origin("demo_content") == "computed"
    assert label_origin("konvid_1k") == "judged"
    assert label_origin("mine") == "unknown"
    (tmp_path / STAND_INS).write_text("{}")  # in a rehearsal, sets are synthetic
    assert label_origin("konvid_1k", tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("provenance", "judged", "measured"),
    [
        (
            {"trained_on": {"set": "demo_train", "label_origin": "computed"}},
            "not judged by people",
            "40 clips of KoNViD-1k",
        ),
        ({"source": RELEASED}, "scores of people", "not measured"),
        ({"trained_on": {"set": "live", "label_origin": "judged"}}, "of people", "not measured"),
        ({"trained_on": {"set": "mine", "label_origin": "unknown"}}, "unknown", "not measured"),
    ],
)
def test_sentences_follow_the_record(
    provenance: dict[str, Any], judged: str, measured: str
) -> None:
    assert judged in describe_scores(provenance)
    assert measured in describe_scores(provenance)


def report(*names: str) -> list[str]:
    return describe_labels(names[0], {name: label_origin(name) for name in names})


def test_report_lists_sets_by_origin_of_labels() -> None:
    demo = " ".join(report("demo_train", "demo_content"))
    assert "not judged by people" in demo
    assert "40 clips of KoNViD-1k" in demo
    mixed = report("lsvq_train", "konvid_1k", "mine", "demo_content")
    assert [sum(name in one for one in mixed[:3]) for name in ("konvid_1k", "mine")] == [1, 1]
    assert "konvid_1k" in mixed[-1]
    assert "not measured" in report("lsvq_train", "mine")[-1]
    assert "konvid_mini" in report("konvid_mini")[-1]  # trained on a part of the benchmark
