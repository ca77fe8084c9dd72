"""Paths and lists follow from the parameters alone."""

import pytest

from vqathinker.layout import Layout
from vqathinker.phases.parameters import resolve


@pytest.fixture
def demo(config) -> Layout:
    return Layout(resolve(config))


@pytest.fixture
def paper(config) -> Layout:
    return Layout(resolve(config | {"scale": "paper"}))


def test_a_set_has_as_many_shards_as_its_labels_fill(paper):
    shards = paper.shards("live_yt_gaming")
    assert shards == [f"clips/live_yt_gaming/12x560/{i:04d}.safetensors" for i in range(3)]
    assert len(paper.shards("lsvq_train")) == 110


def test_sets_that_share_videos_depend_on_their_owner(paper):
    assert paper.shared_receipts("lsvq_test") == ["data/lsvq_train/source.json"]
    assert paper.shared_receipts("lsvq_1080p") == ["data/lsvq_train/source.json"]
    assert paper.shared_receipts("lsvq_train") == paper.shared_receipts("konvid_1k") == []


def test_only_a_made_base_policy_needs_clips(demo, paper):
    assert demo.base_clips("demo") == demo.shards("demo_train")
    assert demo.base_files("demo", "source.json") == ["data/demo_train/source.json"]
    for name in ("internvl3-8b", "released"):
        assert paper.base_clips(name) == paper.base_files(name, "source.json") == []


def test_a_run_may_have_its_own_base_policy(paper):
    assert paper.base_policy("grpo-2b") == "models/base/internvl3-2b"
    assert paper.policy("grpo-2b") == "models/paper/grpo-2b/policy"
    assert paper.policy("released") == "models/base/released"
    assert paper.base_policies(paper.results) == ["models/base/internvl3-8b"]
    assert len(paper.base_policies(paper.ablations)) == 4


def test_every_run_is_evaluated_on_every_benchmark(demo):
    benchmarks = ["demo_indomain", "demo_content", "demo_distortion"]
    assert demo.metrics(demo.results) == [
        f"results/demo/metrics/{run}/{name}.json" for run in ("base", "grpo") for name in benchmarks
    ]
    assert len(demo.predictions(demo.ablations)) == len(demo.params["runs"]) * 3
    assert demo.histories(demo.results) == ["models/demo/grpo/history.csv"]
    assert len(demo.understood(demo.results)) == 2


def test_a_run_after_another_starts_from_its_policy(paper):
    assert paper.base_policy("sft-grpo") == paper.policy("sft") == "models/paper/sft/policy"
    assert paper.policy("frames-6") == paper.policy("grpo")  # it is not trained


def test_a_run_has_clips_of_its_own_setting(paper):
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
def konvid_alone(config) -> Layout:
    params = resolve(config | {"scale": "paper"})
    return Layout(params, [name for name in Layout(params).sets if name != "konvid_1k"])


def test_without_its_training_set_a_run_has_only_empty_rows(konvid_alone, paper):
    results = konvid_alone.results
    assert konvid_alone.lacking("base", "konvid_1k") == []
    assert konvid_alone.lacking("grpo", "konvid_1k") == ["lsvq_train"]
    assert konvid_alone.lacking("grpo", "cgvds") == ["cgvds", "lsvq_train"]
    assert konvid_alone.predictions(results) == ["results/paper/predictions/base/konvid_1k.parquet"]
    assert konvid_alone.metrics(results) == paper.metrics(results)
    assert konvid_alone.histories(results) == []
    assert konvid_alone.policies(results) == ["models/base/internvl3-8b"]
    assert konvid_alone.clips(results) == konvid_alone.shards("konvid_1k")
    pairs = len(paper.params["runs"]) * len(paper.benchmarks)
    assert len(konvid_alone.absent_pairs) == pairs - 2  # base and released have konvid_1k


def test_preference_is_measured_on_its_benchmarks(demo, paper):
    assert demo.preferences(demo.results) == [
        f"results/demo/preference/{run}/demo_indomain.json" for run in ("base", "grpo")
    ]
    assert len(paper.preferences(paper.results)) == 2 * 2
    assert paper.shard_predictions("grpo", "live_yt_hfr", "perturbed") == [
        f"predictions/paper/grpo/live_yt_hfr/perturbed/{i:04d}.parquet" for i in range(2)
    ]


def test_a_task_is_asked_if_its_set_exists(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paper = Layout(resolve(config | {"scale": "paper"}))
    assert paper.understood(paper.results) == []
    (tmp_path / "data" / "maxwell").mkdir(parents=True)
    (tmp_path / "data" / "maxwell" / "source.json").write_text("{}")
    assert paper.understood(paper.results) == [
        f"results/paper/understanding/measures/{run}/maxwell.json" for run in paper.runs("")
    ]
    assert paper.questions("maxwell") == "data/maxwell/source/MaxWell_val.csv"
    assert paper.judged("grpo", "maxwell") == []
