"""What labels are: computed, judged by people, or not recorded."""

from pathlib import Path
from typing import Any

import pytest

from vqathinker.datasets.card import label_origin
from vqathinker.params.base import RELEASED
from vqathinker.phases.cards import STAND_INS
from vqathinker.policy.label_sentences import about_scores, describe_labels_of


def test_origins_are_those_of_the_cards(tmp_path: Path) -> None:
    assert label_origin("demo_content") == "computed"
    assert label_origin("konvid_1k") == "judged"
    assert label_origin("mine") == "unknown"
    (tmp_path / STAND_INS).write_text("{}")  # a rehearsal has stand-ins under the same names
    assert label_origin("konvid_1k", tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("provenance", "judged", "measured"),
    [
        ({"trained_on": {"set": "demo_train"}}, "not judged by people", "0.09"),
        ({"data": "data/demo_train/manifest.parquet"}, "not judged by people", "0.09"),
        ({"source": RELEASED}, "scores of people", "not measured"),
        ({"trained_on": {"set": "live", "label_origin": "judged"}}, "of people", "not measured"),
        ({"trained_on": {"set": "mine", "label_origin": "unknown"}}, "unknown", "not measured"),
    ],
)
def test_labels_are_what_is_recorded(
    provenance: dict[str, Any], judged: str, measured: str
) -> None:
    assert judged in about_scores(provenance)
    assert measured in about_scores(provenance)


def report(*names: str) -> list[str]:
    return describe_labels_of(names[0], {name: label_origin(name) for name in names})


def test_a_report_names_the_sets_of_each_kind() -> None:
    demo = " ".join(report("demo_train", "demo_content"))
    assert "not judged by people" in demo
    assert "0.09" in demo
    mixed = report("lsvq_train", "konvid_1k", "mine", "demo_content")
    assert [sum(name in one for one in mixed[:3]) for name in ("konvid_1k", "mine")] == [1, 1]
    assert "konvid_1k" in mixed[-1]
    assert "not measured" in report("lsvq_train", "mine")[-1]
