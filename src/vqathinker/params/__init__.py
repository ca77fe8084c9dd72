"""params.yaml, validated and typed: one model per section, which documents each key.

params.yaml holds all values. Keys that were added later have the same value as their default here,
so that older files stay valid. `vqathinker schema` writes `workflow/schemas/params.schema.yaml`
from these models.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from vqathinker.choices import Device, Kernels, Precision, ScoreKind
from vqathinker.params.base import (
    BaseParams,
    DemoBaseParams,
    HubBaseParams,
    OriginalBaseParams,
    PolicyBaseParams,
)
from vqathinker.params.data import (
    ClipsParams,
    DataParams,
    DecodeParams,
    DemoDataParams,
    DownloadParams,
    DrawParams,
    PerturbationParams,
    ReaderName,
    SetParams,
)
from vqathinker.params.errors import describe_errors, path_in_file
from vqathinker.params.evaluation import (
    EXPECTATION,
    CompareParams,
    EvaluationParams,
    ExpectationParams,
    IntervalsParams,
    JudgeParams,
    MetricsParams,
    PreferenceParams,
    QuestionKind,
    ReportParams,
    ResourcesParams,
    SamplingParams,
    TaskKind,
    TaskParams,
    ThreadsParams,
    UnderstandingParams,
)
from vqathinker.params.model import ByName, Model, Name, NonNegativeInt, Section
from vqathinker.params.training import (
    AnswerParams,
    Launch,
    LoraParams,
    PromptParams,
    RewardsParams,
    RewardWeights,
    RunParams,
    RunSettings,
    TrainingParams,
)
from vqathinker.phases.hints import nearest
from vqathinker.phases.parameters import merge_config, parse_scalars, read_params, resolve
from vqathinker.phases.trees import Tree, only
from vqathinker.phases.yaml12 import dump_yaml

S = TypeVar("S", bound=Section)


class ParameterError(ValueError):
    """A value in params.yaml, or in the file of a job, is missing, unknown or wrong."""


class Parameters(Model):
    """params.yaml at one scale, with all rows of `runs` resolved."""

    scale: Name
    seed: NonNegativeInt
    data: DataParams
    download: DownloadParams
    clips: ClipsParams
    base: BaseParams
    training: TrainingParams
    rewards: RewardsParams
    answer: AnswerParams
    prompt: PromptParams
    runs: ByName[RunParams] = Field(min_length=1)
    evaluation: EvaluationParams
    preference: PreferenceParams
    metrics: MetricsParams
    understanding: UnderstandingParams
    judge: JudgeParams | None = Field(description="judge of open-ended answers; null: no score")
    report: ReportParams
    kernels: Kernels = Field(description="CPU kernels of torch; avx2: no newer instructions")
    device: Device = Field(description="device of the policy; auto: a GPU if available")
    threads: ThreadsParams
    resources: ResourcesParams

    @model_validator(mode="after")
    def _require_benchmarks(self) -> Self:
        known = [*self.data.in_domain, *self.data.out_of_distribution]
        for name in set(self.preference.benchmarks) - {*known}:
            raise ValueError(
                f"preference.benchmarks has {name!r}, expected benchmarks of the scale, "
                f"{', '.join(known)}{nearest(name, known)}"
            )
        return self

    @model_validator(mode="after")
    def _require_unseen_videos(self) -> Self:
        train = self.data.train
        if train not in {*self.data.in_domain, *self.data.out_of_distribution}:
            return self
        for name, row in self.runs.items():
            rows = [row]
            while (after := rows[-1].after) is not None:
                rows.append(self.runs[after])
            # Runs with the same seed and number hold out the same videos.
            splits = {(one.seed, one.training.holdout) for one in rows if one.train}
            if len(splits) > 1 or any(holdout == 0 for _, holdout in splits):
                raise ValueError(
                    f"runs.{name} would be evaluated on videos of {train} that it was trained on; "
                    "expected training.holdout of at least 1, and the same seed and holdout in "
                    "every trained run that it starts after"
                )
        return self

    @model_validator(mode="after")
    def _require_one_base_per_name(self) -> Self:
        # The name is the folder of the base policy, so equal names must mean equal policies.
        bases = {f"runs.{name}.base": row.base for name, row in self.runs.items()}
        bases = {"base": self.base, **bases}
        first = {base.name: key for key, base in reversed(bases.items())}
        for key, base in bases.items():
            if base != bases[first[base.name]]:
                raise ValueError(
                    f"{key}.name is {base.name!r}, but {first[base.name]} has the same name and "
                    "different keys; choose another name"
                )
        return self


def load_all(path: Path, changes: Sequence[str] = ()) -> Parameters:
    """All parameters of params.yaml, at the scale that it names.

    Args:
        path: path of params.yaml.
        changes: overrides such as "scale=paper" or "training.lora=null".

    Raises:
        InputError: a change is not KEY=VALUE.
        ParameterError: a value is missing, unknown or out of range.
    """
    return _check(path, read_params(path, changes), Parameters, "")


def load_section(path: Path, section: type[S]) -> S:
    """One section of params.yaml, or the part of it in the file of a job.

    Raises:
        ParameterError: the section, or a value in it, is missing, unknown or wrong.
    """
    part = _part(path, section.KEY)
    if isinstance(part, Mapping) and part.keys() <= section.model_fields.keys():
        return _check(path, part, section, section.KEY)
    return _check(path, part, _model_of(section.KEY), section.KEY)


def load_value(path: Path, key: str) -> Any:
    """The value of a key of params.yaml, or of the file of a job: `seed`, `base`, `device` …

    Raises:
        ParameterError: it is missing or wrong.
    """
    return _check(path, _part(path, key), _model_of(key), key)


def load_run(path: Path, name: str) -> RunSettings:
    """Seed, training and rewards of one run, from params.yaml or from the file of its job.

    Raises:
        ParameterError: the run does not exist, or a value of it is missing, unknown or wrong.
    """
    rows = _part(path, "runs")
    if name not in rows:
        raise ParameterError(
            f"{path}: runs has no row {name!r}, expected one of {', '.join(rows)}"
            f"{nearest(name, rows)}"
        )
    row = only(rows[name], *RunSettings.model_fields)
    return _check(path, row, RunSettings, f"runs.{name}")


def _model_of(key: str) -> Any:
    field = Parameters.model_fields[key]
    return Annotated[field.annotation, field]


def _part(path: Path, key: str) -> Any:
    params = read_params(path)
    if key not in params:
        raise ParameterError(
            f"{path}: has no section {key!r}, only {', '.join(params)}; "
            "pass params.yaml, or the file of a job that depends on this section"
        )
    return params[key]


def _check(path: Path, value: Any, model: Any, key: str) -> Any:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        above = [key] if key else []
        lines = describe_errors(error, value, Model, lambda path: [*above, *path])
        raise ParameterError("\n".join(f"{path}: {line}" for line in lines)) from None


def resolve_config(config: Tree, settings: Any) -> Tree:
    """The resolved parameters of a run of the workflow.

    Args:
        config: Snakemake's `config`.
        settings: Snakemake's `config_settings`. None in a module, because the importing workflow
            passes all parameters in `config`.

    Raises:
        ParameterError: a parameter is missing, unknown or out of range; one line for each.
        InputError: a file cannot be read, or the scale is unknown.
    """
    if settings is None:
        config = parse_scalars(config)
    else:
        replace = settings.replace_workflow_config
        config = merge_config(settings.configfiles, settings.config, replace_params=replace)
    params = resolve(config)
    require_valid(params, config)
    return params


def require_valid(params: Tree, config: Tree) -> None:
    """Validate resolved parameters. Errors name the key in `config`.

    Raises:
        ParameterError: a parameter is missing, unknown or out of range.
    """
    errors: list[str] = []
    try:
        Parameters.model_validate(params)
    except ValidationError as error:
        errors = describe_errors(
            error, params, Model, lambda path: path_in_file(path, params, config)
        )
    for name, rows in config["scales"].items():
        # If somebody mistypes a scale, the mistyped one has only the keys that they override.
        if name != params["scale"] and not {"data", "runs"} <= {*(rows or {})}:
            hint = nearest(name, (other for other in config["scales"] if other != name))
            errors.append(f"scales.{name} has no data and runs, which every scale needs{hint}")
    if errors:
        raise ParameterError("\n".join(f"params.yaml: {line}" for line in errors))


def json_schema() -> str:
    """The JSON schema of the resolved parameters, as YAML that names its origin."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Parameters.model_json_schema()
    return "# Written by `vqathinker schema` from src/vqathinker/params.\n" + dump_yaml(
        schema, allow_unicode=True, width=100
    )
