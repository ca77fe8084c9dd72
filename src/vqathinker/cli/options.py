"""Options that several commands share, and options that take several values."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperOption

__all__ = [
    "DEFAULT_PARAMS",
    "Clips",
    "ManifestFile",
    "OutFile",
    "OutFolder",
    "ParamsFile",
    "SeveralValues",
    "TimesFile",
]

_IN: dict[str, Any] = {"exists": True, "readable": True}
DEFAULT_PARAMS: Final = Path("params.yaml")

ParamsFile = Annotated[
    Path,
    typer.Option("--params", **_IN, help="params.yaml, or the stamp of a phase."),
]
ManifestFile = Annotated[
    Path, typer.Option("--manifest", **_IN, help="The set's manifest.parquet.")
]
Clips = Annotated[
    list[Path],
    typer.Option("--clips", **_IN, help="Clip shards of the set; several may follow."),
]
OutFile = Annotated[Path, typer.Option("--out", help="The file to write.")]
OutFolder = Annotated[Path, typer.Option("--out", help="The folder to write.")]
TimesFile = Annotated[
    Path | None,
    typer.Option("--times", help="CSV to write wall times to; results hold none."),
]


class SeveralValues(TyperCommand):
    """A command whose repeatable options also take several values: `--clips A B C`.

    Click knows only `--clips A --clips B --clips C`. Arguments come before such an option.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values, then parse as click does."""
        repeatable = {
            name
            for param in self.params
            if isinstance(param, TyperOption) and param.multiple
            for name in param.opts
        }
        return super().parse_args(ctx, _repeat_option_names(args, repeatable))


def _repeat_option_names(args: list[str], repeatable: set[str]) -> list[str]:
    spread: list[str] = []
    current: str | None = None
    for arg in args:
        if arg in repeatable:
            current = arg
        elif arg.startswith("-"):
            current = None
            spread.append(arg)
        else:
            spread += [current, arg] if current else [arg]
    return spread
