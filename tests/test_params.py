"""params.yaml is valid at every scale, and errors name the key."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import validate

from vqathinker.datasets.card import load_card
from vqathinker.params import (
    ClipsParams,
    DataParams,
    DecodeParams,
    EvaluationParams,
    ParameterError,
    PolicyBaseParams,
    json_schema,
    load_all,
    load_run,
    load_section,
    load_value,
    require_valid,
)
from vqathinker.phases.keys import JobKeys
from vqathinker.phases.parameters import resolve
from vqathinker.phases.trees import merge

SCALES = ("demo", "real", "single-gpu", "paper")
SCHEMA = "workflow/schemas/params.schema.yaml"
MINE = {"name": "mine", "kind": "policy", "repo": "models/x/policy", "revision": "main"}
OWN = {"train": False, "group": "main", "base": MINE}


@pytest.fixture
def params_file(tmp_path: Path, config: dict[str, Any]):
    def write(**changes: Any) -> Path:
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(config | changes), encoding="utf-8")
        return path

    return write


@pytest.fixture
def errors(config):
    """errors(changes) are the errors of params.yaml with these changes."""

    def find(changes: dict[str, Any]) -> list[str]:
        changed = merge(config, changes)
        try:
            require_valid(resolve(changed), changed)
        except ParameterError as error:
            return [line.removeprefix("params.yaml: ") for line in str(error).splitlines()]
        return []

    return find


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_is_valid(root, config, params_file, errors, scale):
    assert load_all(params_file(scale=scale)).scale == scale
    assert errors({"scale": scale}) == []
    validate(resolve(config | {"scale": scale}), str(root / SCHEMA), set_default=False)
    assert sorted(config["scales"]) == sorted(SCALES)


def test_committed_schema_is_current(root):
    assert (root / SCHEMA).read_text(encoding="utf-8") == json_schema(), "run `make schema`"


def test_shared_sections_have_the_values_of_the_paper(params_file):
    """Values of docs/method.md, sections 3 to 6; the authors' code at ee47a40."""
    paper = load_all(params_file(scale="paper"))
    training, rewards = paper.training, paper.rewards
    assert (training.group_size, training.videos_per_device) == (4, 2)
    assert (training.beta, training.epsilon, training.learning_rate) == (0.04, 0.2, 1e-6)
    assert (training.epochs, training.gradient_accumulation) == (3, 2)
    assert (training.kl_estimator, training.iterations) == ("k3", 1)
    assert (rewards.regression.sigma, rewards.regression.coarse_penalty) == (0.5, 0.8)
    assert (rewards.temporal.bonus, rewards.temporal.rule) == (0.3, "batch")
    assert (paper.clips.train_setting, paper.clips.test_setting) == ("6x448", "12x560")
    assert (training.max_new_tokens, paper.evaluation.max_new_tokens) == (2048, 1024)
    assert len(paper.clips.perturbations.kinds) == 6
    assert sum(paper.data.counts[name] for name in paper.data.in_domain) == 13560
    assert sum(paper.data.counts[name] for name in paper.data.out_of_distribution) == 3476


def demo(**sections: Any) -> dict[str, Any]:
    return {"scales": {"demo": sections}}


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"sale": "demo"}, "sale", ['"demo"', "mean scale?"]),
        (demo(training={"group_size": 0}), "scales.demo.training.group_size", ["0", "2"]),
        ({"training": {"grup_size": 3}}, "training.grup_size", ["3", "mean group_size?"]),
        ({"training": {"loss_type": "gpro"}}, "training.loss_type", ['"gpro"', "'dapo'"]),
        (demo(clips={"shard_size": "256"}), "scales.demo.clips.shard_size", ['"256"', "integer"]),
        (demo(clips={"test_setting": "12-560"}), "scales.demo.clips.test_setting",
         ['"12-560"', "x[1-9]"]),
        ({"download": {"fetch": "some"}}, "download.fetch", ['"some"', "'open'", "list"]),
        (demo(base={"kind": "hubb"}), "scales.demo.base", ["'hubb'", "'policy'"]),
        (demo(training={"keep_encoded": True, "freeze": []}), "scales.demo.training.keep_encoded",
         ["true", "vision"]),
        (demo(runs={"grpo": {"rewards": {"weights": {"format": -1}}}}),
         "scales.demo.runs.grpo.rewards.weights.format", ["-1", "0"]),
        (demo(runs={"a b": {"train": True, "group": "main"}}), "scales.demo.runs.a b", []),
        (demo(runs={"mine": OWN | {"base": MINE | {"kind": "original"}}}),
         "runs.mine.base.motion", ["missing"]),
        (demo(runs={"mine": OWN | {"base": MINE | {"name": "demo"}}}),
         "runs.mine.base.name", ["'demo'"]),
        (demo(preference={"benchmarks": ["demo_contents"]}), "preference.benchmarks",
         ["'demo_contents'", "mean demo_content?"]),
        (demo(data={"in_domain": ["other"]}), "scales.demo.data", ["counts", "other"]),
        (demo(data={"in_domain": ["demo_indomain", "demo_train"]}), "runs.grpo",
         ["demo_train", "training.holdout"]),
        ({"scales": {"dmo": {"training": {"beta": 1}}}}, "scales.dmo", ["mean demo?"]),
    ],
)  # fmt: skip
def test_error_is_one_line_with_the_key_in_the_file(errors, changes, key, words):
    (line,) = errors(changes)
    assert line.startswith((f"{key} ", f"{key}:"))
    for word in words:
        assert word in line


def test_all_errors_are_reported_at_once(config, errors):
    del config["training"]["beta"]
    lines = errors({"scale": "paper", "sale": 1, "report": {"title": None}})
    assert {line.split()[0] for line in lines} == {"training.beta", "sale", "report.title"}


@pytest.mark.parametrize("scale", SCALES)
def test_counts_agree_with_the_cards(params_file, scale):
    """The Snakefile reads the counts from params.yaml, and commands from the cards."""
    data = load_section(params_file(scale=scale), DataParams)
    cards = {name: load_card(name) for name in data.counts}
    assert data.counts == {name: card.expected or data.counts[name] for name, card in cards.items()}


def test_row_overrides_the_shared_sections(config, params_file):
    config["scales"]["demo"]["runs"]["mine"] = {
        "train": True,
        "group": "ablation",
        "seed": 7,
        "training": {"beta": 0.5},
        "rewards": {"weights": {"temporal": 0}},
        "base": MINE,
    }
    path = params_file()
    mine, grpo = load_run(path, "mine"), load_run(path, "grpo")
    assert (mine.seed, mine.training.beta, mine.rewards.weights.temporal) == (7, 0.5, 0)
    assert mine.training.model_copy(update={"beta": grpo.training.beta}) == grpo.training
    assert grpo.seed == load_value(path, "seed")
    assert load_all(path).runs["mine"].base == PolicyBaseParams.model_validate(MINE)


def test_a_run_cannot_be_evaluated_on_videos_that_it_was_trained_on_before(errors):
    """Seed 43 holds out other videos than seed 42."""
    then = {"train": True, "group": "main", "after": "real-grpo-seed43"}
    [line] = errors({"scale": "real", "scales": {"real": {"runs": {"then": then}}}})
    assert line.startswith("runs.then ")
    same = {"real": {"runs": {"then": then | {"seed": 43}}}}
    assert errors({"scale": "real", "scales": same}) == []


def test_error_names_the_file(config, params_file):
    config["scales"]["demo"]["clips"]["shard_size"] = 0
    with pytest.raises(ParameterError, match=r"params\.yaml: clips\.shard_size is 0"):
        load_section(params_file(), ClipsParams)


def test_unknown_run_is_refused_with_a_list_of_runs(params_file):
    with pytest.raises(ParameterError, match=r"'grop'.* grpo"):
        load_run(params_file(), "grop")


def test_job_key_has_the_same_sections_as_params_yaml(tmp_path, config, params_file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keys, path = JobKeys(resolve(config)), params_file()
    keys.write()
    assert load_section(Path(keys["tables"]), DataParams) == load_section(path, DataParams)
    assert load_run(Path(keys["train/grpo"]), "grpo") == load_run(path, "grpo")
    decode = load_section(Path(keys["decode"]), DecodeParams)
    assert decode.shard_size == load_section(path, ClipsParams).shard_size
    with pytest.raises(ParameterError, match="'evaluation'"):
        load_section(Path(keys["decode"]), EvaluationParams)
