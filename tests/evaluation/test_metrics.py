"""Claims about correlations, counts, and what is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vqathinker.evaluation.completeness import IncompleteBenchmarkError
from vqathinker.evaluation.metrics import correlations, evaluate, write_metrics
from vqathinker.evaluation.predictions import write_predictions
from vqathinker.video.damage import STATUSES

ORIGIN = {"run": "grpo", "benchmark": "koniq", "policy_hash": "abc", "seed": 3}
REASONS = {"missing": "no such file", "no_index": "moov atom not found"}


def manifest(*rows: tuple[str, float, str], domain: str = "in-domain") -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["video", "mos", "status"])
    return table.assign(domain=domain, reason=[REASONS.get(row[2]) for row in rows])


def predictions(**scores: float | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video": [f"{name}.mp4" for name in scores],
            "score": pd.array(list(scores.values()), dtype="Float64").astype(float),
            "completion": "<answer>…</answer>",
            "parse_status": "ok",
        }
    )


LABELS = manifest(
    ("a.mp4", 10, "ok"), ("b.mp4", 20, "ok"), ("c.mp4", 30, "ok"), ("d.mp4", 50, "ok")
)


def judge(table: pd.DataFrame, labels: pd.DataFrame = LABELS, **failures: str) -> dict[str, Any]:
    reasons = {f"{name}.mp4": reason for name, reason in failures.items()}
    return dict(evaluate(table, labels, reasons, run="grpo", benchmark="koniq"))


class TestCorrelations:
    def test_srcc_by_hand_from_rank_differences(self) -> None:
        # ranks 1 3 2 5 4 against 1 2 3 4 5: 1 - 6·4 / (5·24)
        found = correlations([1.0, 3.0, 2.0, 5.0, 4.0], [10, 20, 30, 40, 50])
        assert found["srcc"] == pytest.approx(0.8)

    def test_plcc_by_hand_from_deviations(self) -> None:
        # deviations -1 0 1 and -2 1 1: 3 / sqrt(2·6)
        found = correlations([1.0, 2.0, 3.0], [1, 4, 4])
        assert found["plcc"] == pytest.approx(3 / np.sqrt(12))

    def test_equal_scores_share_a_rank(self) -> None:
        assert correlations([1.0, 1.0, 2.0], [1, 2, 3])["srcc"] == pytest.approx(np.sqrt(0.75))

    @pytest.mark.parametrize(
        ("scores", "mos", "reason"),
        [
            ([3.0, 3.0, 3.0], [1, 2, 3], "all scores are equal"),
            ([1.0, 2.0, 3.0], [3, 3, 3], "all MOS are equal"),
            ([1.0, 2.0], [1, 2], "2 videos with a score; correlations need 3"),
            ([], [], "0 videos with a score; correlations need 3"),
        ],
    )
    def test_what_is_not_defined_is_none_with_a_reason(
        self, scores: list[float], mos: list[float], reason: str
    ) -> None:
        assert correlations(scores, mos) == {"srcc": None, "plcc": None, "reason": reason}

    def test_scores_that_floats_can_hardly_tell_apart_keep_their_order_only(self) -> None:
        found = correlations([1.0, 1.0 + 1e-15, 1.0 + 2e-15], [1, 2, 3])
        assert found["srcc"] == pytest.approx(1)
        assert found["plcc"] is None
        assert found["reason"]

    @given(
        st.lists(st.tuples(st.floats(1, 5), st.floats(0, 100)), min_size=3, max_size=30),
        st.randoms(use_true_random=False),
    )
    def test_they_lie_in_range_and_do_not_depend_on_the_order_of_videos(
        self, pairs: list[tuple[float, float]], random: Any
    ) -> None:
        found = correlations(*zip(*pairs, strict=True))
        moved = correlations(*zip(*random.sample(pairs, len(pairs)), strict=True))
        for name in ("srcc", "plcc"):
            assert found[name] is None or abs(found[name]) <= 1 + 1e-12
        assume(found["srcc"] is not None)
        assert moved["srcc"] == pytest.approx(found["srcc"], abs=1e-9)

    @given(st.lists(st.integers(0, 500), min_size=3, max_size=20, unique=True))
    def test_srcc_sees_order_only_and_plcc_no_scale(self, scores: list[int]) -> None:
        mos = list(range(len(scores)))
        plain = correlations(scores, mos)
        assert correlations(np.exp(np.divide(scores, 50)), mos)["srcc"] == plain["srcc"]
        stretched = correlations(np.multiply(scores, 20.0) + 3, mos)["plcc"]
        assert stretched == pytest.approx(plain["plcc"])


class TestEvaluate:
    def test_every_label_row_is_counted_in_exactly_one_place(self) -> None:
        labels = pd.concat(
            [
                LABELS,
                manifest(("e.mp4", 1, "missing"), ("f.mp4", 2, "no_index"), ("g.mp4", 3, "ok")),
            ]
        )
        found = judge(predictions(a=1.5, b=2.5, c=3.5, d=None), labels, g="time limit of 60 s")
        assert {name: found[name] for name in found if name.startswith("n")} == {
            "n": 7,
            "n_missing": 1,
            "n_damaged": 2,
            "n_null": 1,
            "n_scored": 3,
            "not_scored": {
                "g.mp4": "time limit of 60 s",
                "e.mp4": "no such file",
                "f.mp4": "moov atom not found",
                "d.mp4": "the answer holds no number",
            },
        }
        assert found["srcc"] == pytest.approx(1)

    def test_says_what_it_is_about(self) -> None:
        found = judge(predictions(a=1, b=2, c=3, d=4))
        assert (found["run"], found["benchmark"], found["domain"]) == (
            "grpo",
            "koniq",
            "in-domain",
        )

    def test_rows_are_matched_by_video_and_not_by_place(self) -> None:
        assert judge(predictions(d=4, b=2, a=1, c=3))["srcc"] == pytest.approx(1)

    @pytest.mark.parametrize("score", [float("nan"), float("inf")])
    def test_a_score_that_is_no_number_counts_as_null(self, score: float) -> None:
        assert judge(predictions(a=1, b=2, c=3, d=score))["n_null"] == 1

    def test_a_video_known_as_missing_is_not_counted_again_as_damaged(self) -> None:
        labels = pd.concat([LABELS, manifest(("e.mp4", 1, "missing"))])
        found = judge(predictions(a=1, b=2, c=3, d=4), labels, e="no such file")
        assert (found["n_missing"], found["n_damaged"]) == (1, 0)

    def test_every_status_but_missing_counts_as_damaged(self) -> None:
        bad = [(f"{status}.mp4", 1, status) for status in STATUSES]
        found = judge(predictions(a=1, b=2, c=3, d=4), pd.concat([LABELS, manifest(*bad)]))
        assert (found["n_missing"], found["n_damaged"]) == (0, len(STATUSES))

    def test_nothing_readable_is_a_result_without_correlations(self) -> None:
        found = judge(predictions(), manifest(("a.mp4", 1, "no_index")))
        assert (found["n"], found["n_damaged"], found["srcc"]) == (1, 1, None)

    @pytest.mark.parametrize(
        ("table", "labels", "complaint"),
        [
            (predictions(a=1, b=2, c=3), LABELS, r"1 readable videos have no prediction.*d\.mp4"),
            (predictions(a=1, b=2, c=3, d=4, z=5), LABELS, r"1 predictions are of videos.*z\.mp4"),
            (predictions(a=1, b=2), manifest(("a.mp4", 1, "ok"), ("b.mp4", 2, "missing")), "b.mp4"),
            (predictions(a=1), manifest(("a.mp4", 1, "odd")), r"status \['odd'\]"),
            (predictions(a=1), manifest(("a.mp4", float("nan"), "ok")), "MOS that is no number"),
            (
                predictions(a=1),
                manifest(("a.mp4", 1, "ok"), ("a.mp4", 1, "ok")),
                r"name a\.mp4 more than once",
            ),
            (
                predictions(a=1, b=2),
                pd.concat([manifest(("a.mp4", 1, "ok")), manifest(("b.mp4", 1, "ok"), domain="x")]),
                r"domains \['in-domain', 'x'\]",
            ),
        ],
    )
    def test_files_that_do_not_fit_together_are_refused(
        self, table: pd.DataFrame, labels: pd.DataFrame, complaint: str
    ) -> None:
        with pytest.raises(ValueError, match=complaint):
            judge(table, labels)

    def test_a_decode_failure_of_another_set_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"lacks videos of the clips z\.mp4"):
            judge(predictions(a=1, b=2, c=3, d=4), z="time limit")


class TestWriteMetrics:
    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path, Path]:
        labels, said = tmp_path / "manifest.parquet", tmp_path / "predictions.parquet"
        LABELS.to_parquet(labels)
        write_predictions(said, predictions(a=1, b=2, c=4, d=None), ORIGIN)
        return labels, said, tmp_path / "metrics" / "koniq.json"

    def test_the_file_has_the_numbers_and_where_they_come_from(
        self, files: tuple[Path, Path, Path]
    ) -> None:
        labels, said, out = files
        found = write_metrics(labels, said, {}, out)
        written = json.loads(out.read_text(encoding="utf-8"))
        digest = hashlib.sha256(labels.read_bytes()).hexdigest()
        assert written.pop("provenance") == {**ORIGIN, "manifest_sha256": digest}
        assert written == found
        assert (written["n_null"], written["srcc"]) == (1, pytest.approx(1))

    def test_a_benchmark_that_lacks_a_video_is_scored_only_when_the_user_says_so(
        self, files: tuple[Path, Path, Path]
    ) -> None:
        labels, said, out = files
        pd.concat([LABELS, manifest(("e.mp4", 9, "missing"))]).to_parquet(labels)
        with pytest.raises(IncompleteBenchmarkError, match="1 of them without a video"):
            write_metrics(labels, said, {}, out)
        assert not out.exists()
        assert write_metrics(labels, said, {}, out, allow_incomplete=True)["n_missing"] == 1
