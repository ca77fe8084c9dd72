"""Paths and lists of paths follow from the parameters."""

import pytest

from vqathinker.layout import Layout
from vqathinker.phases.parameters import resolve


@pytest.fixture
def demo(config) -> Layout:
    return Layout(resolve(config))


@pytest.fixture
def paper(config) -> Layout:
    return Layout(resolve(config | {"scale": "paper"}))


def test_number_of_shards_follows_from_the_number_of_labels(paper):
    shards = paper.shards("live_yt_gaming")
    assert shards == [f"clips/live_yt_gaming/12x560/{i:04d}.safetensors" for i in range(3)]
    assert len(paper.shards("lsvq_train")) == 110


def test_run_can_have_its_own_base_policy(paper):
    assert paper.base_policy("grpo-2b") == "models/base/internvl3-2b"
    assert paper.policy("grpo-2b") == "models/paper/grpo-2b/policy"
    assert paper.policy("released") == "models/base/released"
    assert paper.base_policies(paper.results) == ["models/base/internvl3-8b"]
    assert len(paper.base_policies(paper.ablations)) == 4


def test_run_after_another_starts_from_its_policy(paper):
    assert paper.base_policy("sft-grpo") == paper.policy("sft") == "models/paper/sft/policy"
    assert paper.policy("frames-6") == paper.policy("grpo")  # frames-6 is not trained


def test_run_can_have_its_own_clip_settings(paper):
    assert paper.setting("lsvq_train", "frames-12") == "12x448"
    assert paper.setting("lsvq_train") == paper.setting("lsvq_train", "grpo") == "6x448"
    assert paper.shards("cgvds", "frames-6")[0] == "clips/cgvds/6x560/0000.safetensors"
    assert paper.perturbations("frames-12") == "clips/lsvq_train/12x448/perturbations.parquet"
    every, main = set(paper.clips(paper.ablations)), set(paper.clips(paper.results))
    assert main < every
    assert every - main == {
        *paper.shards("lsvq_train", "frames-12"),
        paper.perturbations("frames-12"),
        *(shard for name in paper.benchmarks for shard in paper.shards(name, "frames-6")),
    }


@pytest.fixture
def only_konvid(config) -> Layout:
    params = resolve(config | {"scale": "paper"})
    return Layout(params, [name for name in Layout(params).sets if name != "konvid_1k"])


def test_runs_without_their_training_set_have_no_predictions(only_konvid, paper):
    results = only_konvid.results
    assert only_konvid.missing_for("base", "konvid_1k") == []
    assert only_konvid.missing_for("grpo", "konvid_1k") == ["lsvq_train"]
    assert only_konvid.missing_for("grpo", "cgvds") == ["cgvds", "lsvq_train"]
    assert only_konvid.predictions(results) == ["results/paper/predictions/base/konvid_1k.parquet"]
    assert only_konvid.metrics(results) == paper.metrics(results)
    assert only_konvid.histories(results) == []
    assert only_konvid.policies(results) == ["models/base/internvl3-8b"]
    assert only_konvid.clips(results) == only_konvid.shards("konvid_1k")
    pairs = len(paper.params["runs"]) * len(paper.benchmarks)
    assert len(only_konvid.missing_pairs) == pairs - 2  # base and released have konvid_1k


def test_preference_has_its_own_benchmarks(demo, paper):
    assert demo.preferences(demo.results) == [
        f"results/demo/preference/{run}/demo_indomain.json" for run in ("base", "grpo")
    ]
    assert len(paper.preferences(paper.results)) == 2 * 2
    assert paper.shard_predictions("grpo", "live_yt_hfr", "perturbed") == [
        f"predictions/paper/grpo/live_yt_hfr/perturbed/{i:04d}.parquet" for i in range(2)
    ]


def test_task_needs_its_data_set(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paper = Layout(resolve(config | {"scale": "paper"}))
    assert paper.understanding_measures(paper.results) == []
    (tmp_path / "data" / "maxwell").mkdir(parents=True)
    (tmp_path / "data" / "maxwell" / "source.json").write_text("{}")
    assert paper.understanding_measures(paper.results) == [
        f"results/paper/understanding/measures/{run}/maxwell.json" for run in paper.runs("")
    ]
    assert paper.questions("maxwell") == "data/maxwell/source/MaxWell_val.csv"
    assert paper.verdicts("grpo", "maxwell") == []
