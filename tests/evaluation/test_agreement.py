"""Claims about what a metrics file says of measures."""

import json

import numpy as np
import pytest

from vqathinker.evaluation.agreement import measure_agreement
from vqathinker.params import IntervalsParams

QUICK = IntervalsParams(resamples=300, seed=7, confidence=0.95)
NAMES = ["srcc", "plcc", "krcc", "plcc_logistic", "rmse_logistic", "pairwise_accuracy"]


def agreement(videos=96, contents=None, params=QUICK, name="konvid_1k"):
    rng = np.random.default_rng(1)
    mos = rng.normal(50, 15, videos)
    scores = mos / 20 + rng.normal(0, 0.3, videos)
    shown = [None] * videos if contents is None else [f"c{at % contents}" for at in range(videos)]
    return measure_agreement(scores, mos, shown, name, params)


def test_every_measure_has_a_value_within_its_interval():
    found = agreement()["measures"]
    assert list(found) == NAMES
    for one in found.values():
        assert one["low"] < one["value"] < one["high"]
        assert one["reason"] is None
    for name in ("srcc", "plcc"):
        assert found[name]["fisher_low"] < found[name]["value"] < found[name]["fisher_high"]


@pytest.mark.parametrize(
    ("contents", "by", "number"), [(None, "video", 96), (16, "content", 16), (96, "video", 96)]
)
def test_it_resamples_by_content_where_videos_share_one(contents, by, number):
    found = agreement(contents=contents)
    assert (found["resampled_by"], found["n_groups"]) == (by, number)


def test_the_same_parameters_write_the_same_bytes():
    first, again = (json.dumps(agreement(contents=16), allow_nan=False) for _ in range(2))
    assert first == again
    other = QUICK.model_copy(update={"seed": 8})
    assert json.dumps(agreement(contents=16, params=other)) != first
    assert json.dumps(agreement(contents=16, name="b")) != first


@pytest.mark.parametrize("videos", [0, 2, 5])
def test_few_videos_have_reasons_and_no_interval(videos):
    found = agreement(videos)
    for one in found["measures"].values():
        assert one["low"] is one["high"] is None
        assert one["reason"]
    assert found["n_groups"] == videos
