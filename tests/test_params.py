"""params.yaml is valid at every scale, and a mistake in it is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from snakemake.utils import validate

from vqathinker.datasets.card import load_card
from vqathinker.params import (
    ClipsParams,
    DataParams,
    DecodeParams,
    DemoBaseParams,
    DemoDataParams,
    EvaluationParams,
    HubBaseParams,
    ParameterError,
    PolicyBaseParams,
    TrainingParams,
    json_schema,
    load_all,
    load_run,
    load_section,
    load_value,
)
from vqathinker.phases.keys import JobKeys
from vqathinker.phases.parameters import resolve

SCALES = ("demo", "single-gpu", "paper")
SCHEMA = "workflow/schemas/params.schema.yaml"


@pytest.fixture
def params_file(tmp_path: Path, config: dict[str, Any]):
    def write(**changes: Any) -> Path:
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(config | changes), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_is_valid_for_the_models_and_for_snakemake(root, config, params_file, scale):
    assert load_all(params_file(scale=scale)).scale == scale
    validate(resolve(config | {"scale": scale}), str(root / SCHEMA), set_default=False)


def test_there_are_no_other_scales(config):
    assert sorted(config["scales"]) == sorted(SCALES)


def test_the_committed_schema_is_the_models_own(root):
    assert (root / SCHEMA).read_text(encoding="utf-8") == json_schema(), "run `make schema`"


def test_the_method_of_the_paper_stands_in_the_shared_sections(params_file):
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


@pytest.mark.parametrize(
    ("section", "key", "value", "complaint"),
    [
        ("training", "group_size", 1, r"training\.group_size is 1, expected .* at least 2"),
        (
            "training",
            "learning_rate",
            "fast",
            r"training\.learning_rate is \"fast\", expected a num",
        ),
        (
            "training",
            "freeze",
            ["head"],
            r"training\.freeze\.0 is \"head\", expected one of vision",
        ),
        ("training", "keep_encoded", True, r"training\.keep_encoded is true, expected .*vision"),
        ("training", "epsilonn", 3, r"epsilonn is 3, but there is no .*; did you mean epsilon\?"),
        (
            "clips",
            "shard_size",
            0,
            r"clips\.shard_size is 0, expected .* at least 1",
        ),
        ("clips", "shard_size", "256", r"clips\.shard_size is \"256\", expected a whole number"),
        ("clips", "test_setting", "12-560", r"clips\.test_setting is \"12-560\", expected text of"),
    ],
)
def test_a_wrong_value_is_named_with_file_key_and_expectation(
    config, params_file, section, key, value, complaint
):
    config["scale"] = "paper"
    config[section][key] = value
    path = params_file()
    with pytest.raises(ParameterError, match=complaint) as error:
        load_section(path, {"training": TrainingParams, "clips": ClipsParams}[section])
    assert str(path) in str(error.value)


def test_preference_is_measured_on_benchmarks_of_the_scale_alone(config, params_file):
    config["scales"]["demo"]["preference"]["benchmarks"] = ["demo_contents"]
    with pytest.raises(ValueError, match=r"benchmarks names 'demo_contents'.* mean demo_content\?"):
        load_all(params_file())


def test_a_missing_key_is_named(config, params_file):
    del config["training"]["epsilon"]
    with pytest.raises(ParameterError, match=r"training\.epsilon is missing"):
        load_section(params_file(), TrainingParams)


@pytest.mark.parametrize("scale", SCALES)
def test_counts_are_those_of_the_cards(params_file, scale):
    """The Snakefile needs them without reading a card; two sources may not differ."""
    data = load_section(params_file(scale=scale), DataParams)
    cards = {name: load_card(name) for name in data.counts}
    assert data.counts == {name: card.expected or data.counts[name] for name, card in cards.items()}


def test_a_set_without_a_count_is_named(config, params_file):
    del config["scales"]["demo"]["data"]["counts"]["demo_content"]
    with pytest.raises(ParameterError, match="counts has no row for demo_content"):
        load_section(params_file(), DataParams)


def test_a_run_lays_its_row_over_the_shared_sections(config, params_file):
    config["scales"]["demo"]["runs"]["mine"] = {
        "train": True,
        "group": "ablation",
        "seed": 7,
        "training": {"beta": 0.5},
        "rewards": {"weights": {"temporal": 0}},
    }
    path = params_file()
    mine, grpo = load_run(path, "mine"), load_run(path, "grpo")
    assert (mine.seed, mine.training.beta, mine.rewards.weights.temporal) == (7, 0.5, 0)
    assert mine.training.model_copy(update={"beta": grpo.training.beta}) == grpo.training
    assert grpo.seed == load_value(path, "seed")


def test_a_typing_mistake_in_a_run_is_named(config, params_file):
    config["scales"]["demo"]["runs"]["grpo"]["rewards"] = {"weights": {"temporl": 0}}
    with pytest.raises(ParameterError, match=r"runs\.grpo\.rewards\.weights\.temporl is 0"):
        load_run(params_file(), "grpo")


def test_an_unknown_run_or_scale_is_answered_with_those_that_exist(params_file):
    with pytest.raises(ParameterError, match=r"no row 'grop', expected one of base, grpo"):
        load_run(params_file(), "grop")
    with pytest.raises(ValueError, match=r"scale is 'big', expected one of demo"):
        load_all(params_file(scale="big"))


def test_the_base_policy_is_made_or_from_the_hub(params_file):
    assert isinstance(load_value(params_file(), "base"), DemoBaseParams)
    assert isinstance(load_value(params_file(scale="paper"), "base"), HubBaseParams)


def test_a_run_may_have_a_base_of_another_kind_and_it_is_checked(config, params_file):
    runs = config["scales"]["demo"]["runs"]
    mine = {"name": "mine", "kind": "policy", "repo": "models/x/policy", "revision": "main"}
    runs["mine"] = {"train": False, "group": "main", "base": mine}
    assert load_all(params_file()).runs["mine"].base == PolicyBaseParams.model_validate(mine)
    runs["mine"]["base"] = {**mine, "kind": "original"}
    with pytest.raises(ParameterError, match=r"runs\.mine\.base\.motion is missing"):
        load_all(params_file())


def test_a_section_is_read_from_the_file_of_a_job_as_from_params_yaml(
    tmp_path, config, params_file, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    keys, path = JobKeys(resolve(config)), params_file()
    keys.write()
    assert load_section(Path(keys["tables"]), DataParams) == load_section(path, DataParams)
    assert load_run(Path(keys["train/grpo"]), "grpo") == load_run(path, "grpo")
    decode = load_section(Path(keys["decode"]), DecodeParams)
    assert decode.shard_size == load_section(path, ClipsParams).shard_size


def test_the_file_of_another_job_is_refused(tmp_path, config, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keys = JobKeys(resolve(config))
    keys.write()
    with pytest.raises(ParameterError, match="'evaluation'"):
        load_section(Path(keys["decode"]), EvaluationParams)


def test_a_default_is_a_value_of_params_yaml(params_file):
    """params.yaml is the only source; a default keeps files without a newer key valid."""
    used: dict[tuple[str, str], list[Any]] = {}
    for scale in SCALES:
        for model in _models_in(load_all(params_file(scale=scale))):
            for name, field in type(model).model_fields.items():
                if not field.is_required():
                    used.setdefault((type(model).__name__, name), []).append(getattr(model, name))
    models = {model.__name__: model for model in (TrainingParams, DemoDataParams, EvaluationParams)}
    assert {model for model, _ in used} == models.keys()
    for (model, name), values in used.items():
        assert models[model].model_fields[name].default in values, f"{model}.{name}"


def _models_in(value: Any):
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _models_in(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _models_in(each)


def test_a_value_that_is_no_section_is_named_by_its_key(config, params_file):
    config["seed"] = -1
    with pytest.raises(ParameterError, match=r": seed is -1, expected .* at least 0"):
        load_value(params_file(), "seed")
