"""Lists of the same things agree, so that an addition to one is not silently missed by another."""

from collections import Counter
from typing import get_args

import numpy as np
import pytest

from vqathinker.choices import PerturbationKind
from vqathinker.evaluation.metrics import _REASONS
from vqathinker.evaluation.understanding.questions import _READERS
from vqathinker.params import PatienceParams, PerturbationParams, TaskKind
from vqathinker.params.training import TrainablePart
from vqathinker.policy.answer import STATUSES, Answer
from vqathinker.policy.parts import FROZEN, PARTS
from vqathinker.policy.scoring import ClipScores, Completion, Expectation
from vqathinker.training.history import columns
from vqathinker.training.rewards import RewardTable
from vqathinker.training.watch import _NOTHING_LEARNED, measure
from vqathinker.video import perturb


def test_a_kind_of_perturbation_without_a_definition_leaves_no_clip_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = {"draws": 1, "window": 4, "jitter": 1, "duplicate_max": 3, "drop_max": 3}
    params = PerturbationParams.model_validate({"kinds": list(get_args(PerturbationKind)), **how})
    assert len(perturb.draw_perturbations(["a.mp4"], 6, 1, params)) == 1
    monkeypatch.setattr(perturb, "KINDS", ("mirror",))
    mirror = params.model_copy(update={"kinds": ["mirror"]})
    with pytest.raises(NotImplementedError, match="'mirror'"):
        perturb.draw_perturbations(["a.mp4"], 6, 1, mirror)


def test_a_kind_of_score_that_nobody_computes_is_no_greedy_one() -> None:
    told = ClipScores(Completion(""), Answer(3.0, "ok", False), (), Expectation(2.5, 0.1, 1.0))
    assert (told.of("greedy"), told.of("mean"), told.of("expected")) == (3.0, None, 2.5)
    with pytest.raises(KeyError):
        told.of("median")  # type: ignore[arg-type]


def test_every_measure_of_a_batch_has_a_column_in_the_history() -> None:
    scores = np.array([[1.0, 2.0], [2.0, 3.0], [4.0, 4.5]])
    statuses = Counter(STATUSES)
    table = RewardTable({}, scores, scores, statuses, statuses)
    assert set(measure(table, [1.0, 2.0, 3.0])) <= set(columns())


def test_words_of_parameters_are_those_of_the_code() -> None:
    assert set(_READERS) == set(get_args(TaskKind))
    assert set(_NOTHING_LEARNED) == set(PatienceParams.model_fields)
    assert set(PARTS) - {FROZEN} == set(get_args(TrainablePart))
    assert set(_REASONS) == set(STATUSES)
