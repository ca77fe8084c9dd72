"""Claims about the sentence that the report begins with."""

from typing import Any

import pytest

from vqathinker.reporting.page.plots import answer_of


def line(group: str, benchmark: str = "average", **more: Any) -> dict[str, Any]:
    shared = {
        "group": group, "row": group, "domain": "in-domain", "benchmark": benchmark,
        "measure": "srcc", "n": 12, "value": 0.5, "low": 0.4, "high": 0.6,
        "difference_low": None, "difference_high": None,
    }  # fmt: skip
    return shared | more


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.4, -0.1, "Yes: "), (-0.4, 0.1, "Not surely: "), (0.1, 0.4, "No, they follow it less: ")],
)
def test_the_interval_of_the_difference_decides(low: float, high: float, verdict: str) -> None:
    before = line("untrained", value=0.1, difference_low=low, difference_high=high)
    said = answer_of([line("method"), before]).sentence
    assert said.startswith(verdict)
    assert "is 0.500 [0.400, 0.600] after training, and was 0.100 [0.400, 0.600] before" in said


def test_each_correlation_has_the_count_of_its_own_videos() -> None:
    before = line("untrained", value=0.1, n=7, difference_low=-0.4, difference_high=-0.1)
    said = answer_of([line("method"), before]).sentence
    assert "12 videos" in said
    assert "7 videos" in said


def test_one_domain_alone_is_a_yes_in_part() -> None:
    other = {"domain": "out-of-distribution"}
    rungs = [
        line("method"), line("method", **other),
        line("untrained", difference_low=-0.4, difference_high=-0.1),
        line("untrained", difference_low=-0.4, difference_high=0.1, **other),
    ]  # fmt: skip
    assert answer_of(rungs).sentence.startswith("In part: ")


def test_without_a_run_before_training_it_says_so() -> None:
    said = answer_of([line("method")]).sentence
    assert said.startswith("Nothing untrained to compare with: in-domain SRCC over 12 videos is")


def test_without_scores_there_is_no_answer_yet() -> None:
    assert "no answer yet" in answer_of([]).sentence
    assert "no answer yet" in answer_of([line("method", value=None)]).sentence


def test_the_figure_shows_benchmarks_and_no_averages() -> None:
    answer = answer_of([line("method"), line("method", "seen"), line("untrained", "seen")])
    assert [row["benchmark"] for row in (*answer.before, *answer.after)] == ["seen", "seen"]
