"""Read params.yaml, or the file of a job, into typed sections; say which key should hold what."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from vqathinker.params.faults import describe_faults, faults_of
from vqathinker.params.model import Model, Section
from vqathinker.params.training import RunSettings
from vqathinker.params.whole import Parameters
from vqathinker.phases.coercion import coerce
from vqathinker.phases.overlays import resolve_overlays
from vqathinker.phases.parameters import Tree, read_params, resolve
from vqathinker.phases.words import nearest


class ParameterError(ValueError):
    """A value in params.yaml, or in the file of a job, is not what its model expects."""


S = TypeVar("S", bound=Section)


def load_all(path: Path, changes: Sequence[str] = ()) -> Parameters:
    """The whole of params.yaml, at the scale it names.

    `changes`, such as "scale=paper" or "training.lora=null", are laid over it.

    Raises:
        InputError: a change is no KEY=VALUE.
        ParameterError: a value is missing, unknown or out of range.
    """
    schema = TypeAdapter(Parameters).json_schema() if changes else None
    return _check(path, read_params(path, changes, schema), Parameters, "")


def load_section(path: Path, section: type[S]) -> S:
    """One section of params.yaml, or what of it stands in the file of a job.

    Raises:
        ParameterError: the section is not there, or a value in it is missing, unknown or wrong.
    """
    part = _part(path, section.KEY)
    if isinstance(part, Mapping) and part.keys() <= section.model_fields.keys():
        return _check(path, part, section, section.KEY)
    return _check(path, part, _model_of(section.KEY), section.KEY)


def load_value(path: Path, key: str) -> Any:
    """What stands under a key of params.yaml, or of the file of a job: `seed`, `base`, `device` …

    Raises:
        ParameterError: it is not there, or is wrong.
    """
    return _check(path, _part(path, key), _model_of(key), key)


def load_run(path: Path, name: str) -> RunSettings:
    """Seed, training and rewards of one run, from params.yaml or from the file of a job of it.

    Raises:
        ParameterError: no such run, or a value of it is missing, unknown or wrong.
    """
    rows = _part(path, "runs")
    if name not in rows:
        raise ParameterError(
            f"{path}: runs has no row {name!r}, expected one of {', '.join(rows)}"
            f"{nearest(name, rows)}"
        )
    row = {key: rows[name][key] for key in RunSettings.model_fields if key in rows[name]}
    return _check(path, row, RunSettings, f"runs.{name}")


def _model_of(key: str) -> Any:
    field = Parameters.model_fields[key]
    return Annotated[field.annotation, field]


def _part(path: Path, key: str) -> Any:
    params = read_params(path)
    if key not in params:
        raise ParameterError(
            f"{path}: has no section {key!r}, only {', '.join(params)}; "
            "give params.yaml, or the file of a job that depends on it"
        )
    return params[key]


def _check(path: Path, value: Any, model: Any, key: str) -> Any:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        faults = describe_faults(error, value, Model, key)
        raise ParameterError("\n".join(f"{path}: {fault}" for fault in faults)) from None


def resolve_config(config: Tree, laid: Any) -> Tree:
    """The resolved parameters of a run of the workflow.

    Args:
        config: as Snakemake has it.
        laid: Snakemake's `config_settings`; None where another workflow says itself what this one,
            its module, is given.

    Raises:
        ParameterError: a parameter is missing, unknown or out of range; a line for each.
        InputError: a file cannot be read, or the scale is unknown.
    """
    schema = Parameters.model_json_schema()
    if laid is None:
        params = resolve(coerce(config, schema))
    else:
        config, params = resolve_overlays(config, laid, schema)
    require_valid(params, config)
    return params


def require_valid(params: Tree, config: Tree) -> None:
    """Refuse resolved parameters with a line for each fault, by the key that stands in `config`.

    Raises:
        ParameterError: a parameter is missing, unknown or out of range.
    """
    faults = list[str]()
    try:
        Parameters.model_validate(params)
    except ValidationError as error:
        faults += faults_of(error, params, config, Model)
    for name, rows in config["scales"].items():
        # Other scales are complete, or only laid over the one that is named.
        if name != params["scale"] and not {"data", "runs"} <= {*(rows or {})}:
            hint = nearest(name, (other for other in config["scales"] if other != name))
            faults.append(f"scales.{name} has no data and runs, so it is no scale{hint}")
    if faults:
        raise ParameterError("\n".join(f"params.yaml: {fault}" for fault in faults))
