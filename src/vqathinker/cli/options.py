"""Options that several commands share, and options that take several values."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperOption

from vqathinker.cli.paths import file_to_read, file_to_write, folder_to_write
from vqathinker.products import CLIPS, MANIFEST, PREDICTIONS, PREFERENCE, Product

DEFAULT_PARAMS: Final = Path("params.yaml")
_PARAMS = Product("parameters", "go to the project's folder, or name its params.yaml with --params")

ParamsFile = Annotated[
    Path,
    typer.Option("--params", **file_to_read(_PARAMS), help="params.yaml, or the file of a job."),
]
ManifestFile = Annotated[
    Path,
    typer.Option("--manifest", **file_to_read(MANIFEST), help="The set's manifest.parquet."),
]
Clips = Annotated[
    list[Path],
    typer.Option(
        "--clips", **file_to_read(CLIPS), help="Clip shards of the set; several may follow."
    ),
]
PredictionFiles = Annotated[
    list[Path],
    typer.Option(
        "--predictions",
        **file_to_read(PREDICTIONS),
        help="What `predict` wrote; several may follow.",
    ),
]
PreferenceFiles = Annotated[
    list[Path],
    typer.Option(
        "--preference",
        **file_to_read(PREFERENCE),
        help="What `preference` wrote; several may follow.",
    ),
]
OutFile = Annotated[Path, typer.Option("--out", **file_to_write(), help="The file to write.")]
OutFolder = Annotated[Path, typer.Option("--out", **folder_to_write(), help="The folder to write.")]
TimesFile = Annotated[
    Path | None,
    typer.Option(
        "--times", **file_to_write(), help="CSV to write wall times to; results hold none."
    ),
]
Gpus = Annotated[
    int, typer.Option(min=0, help="GPUs of this machine to have alone; 0: all that are seen.")
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
