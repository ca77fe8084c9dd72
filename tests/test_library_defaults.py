"""Defaults of libraries that affect results have not changed.

`python tests/test_library_defaults.py` stores the defaults of the installed versions.
"""

import dataclasses
import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

STORED = Path(__file__).parent / "library_defaults.json"

# Dataclasses, and functions or classes with parameters.
TARGETS = (
    "transformers.TrainingArguments",
    "trl.GRPOConfig",
    "trl.SFTConfig",
    "transformers.trainer_pt_utils.AcceleratorConfig",
    "peft.LoraConfig",
    "transformers.PreTrainedTokenizerBase.decode",
    "torch.optim.AdamW",
    "torch.nn.functional.interpolate",
    "scipy.optimize.curve_fit",
    "scipy.stats.kendalltau",
    "scipy.stats.pearsonr",
    "scipy.stats.rankdata",
    "scipy.stats.spearmanr",
    "pandas.DataFrame.to_csv",
    "pyarrow.parquet.write_table",
)
Defaults = dict[str, dict[str, Any]]


def installed() -> Defaults:
    """Defaults by target and parameter; for TRL, those that differ from TrainingArguments."""
    found = {target: _defaults(_object(target)) for target in TARGETS}
    base = found["transformers.TrainingArguments"]
    for target in ("trl.GRPOConfig", "trl.SFTConfig"):
        own = found[target].items()
        found[target] = {key: value for key, value in own if base.get(key, found) != value}
    return found | {"transformers.GenerationConfig": _generation_defaults()}


def _generation_defaults() -> dict[str, Any]:
    """Values of `generate` if neither the caller nor the policy sets them."""
    from transformers import GenerationConfig

    defaults = GenerationConfig()._get_default_generation_params()
    return {name: _plain(value) for name, value in defaults.items()}


def _object(target: str) -> Any:
    parts = target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(target)


def _defaults(target: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(target):
        return {field.name: _plain(_field_default(field)) for field in dataclasses.fields(target)}
    parameters = inspect.signature(target).parameters.values()
    return {one.name: _plain(one.default) for one in parameters if one.name != "self"}


def _field_default(field: Any) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default


def _plain(value: Any) -> Any:
    """As a JSON value; other objects by name, because their repr contains an address."""
    if value is inspect.Parameter.empty:
        return "(required)"
    if value is None or isinstance(value, bool | int | float | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return getattr(value, "__qualname__", type(value).__qualname__)


def changes(stored: Defaults, found: Defaults) -> list[str]:
    """One line per default that was added, removed or changed."""
    none = "(none)"
    return [
        f"{target}.{name}: {before.get(name, none)!r} -> {now.get(name, none)!r}"
        for target in sorted(stored.keys() | found.keys())
        for before, now in [(stored.get(target, {}), found.get(target, {}))]
        for name in sorted(before.keys() | now.keys())
        if before.get(name, none) != now.get(name, none)
    ]


def test_defaults_of_the_installed_libraries_are_the_stored_ones() -> None:
    changed = changes(json.loads(STORED.read_text(encoding="utf-8")), installed())
    listed = "\n".join(changed)
    assert not changed, f"set those that affect results, then run python {__file__}:\n{listed}"


if __name__ == "__main__":
    STORED.write_text(json.dumps(installed(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
