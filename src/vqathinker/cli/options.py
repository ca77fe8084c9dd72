"""Options that several commands share, and options that take several values."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperOption

from vqathinker.choices import Device
from vqathinker.products import (
    CLIPS,
    MANIFEST,
    POLICY,
    PREDICTIONS,
    PREFERENCE,
    TABLE,
    Product,
)

# Keyword arguments of `typer.Option` and `typer.Argument` for paths that are read or written.
FILE: Final[dict[str, Any]] = {"exists": True, "dir_okay": False}
FOLDER: Final[dict[str, Any]] = {"exists": True, "file_okay": False}
NEW_FILE: Final[dict[str, Any]] = {"dir_okay": False, "writable": True}
NEW_FOLDER: Final[dict[str, Any]] = {"file_okay": False, "writable": True}


def file_option(product: Product, *names: str) -> Any:
    """An option for a file to read; help and errors say how the product is made."""
    return typer.Option(*names, **FILE, help=_help_of(product))


def files_option(product: Product, *names: str) -> Any:
    """The same for one or more files."""
    return typer.Option(*names, **FILE, help=f"{_help_of(product)}; several may follow")


def folder_option(product: Product, *names: str) -> Any:
    """The same for a folder."""
    return typer.Option(*names, **FOLDER, help=_help_of(product))


def _help_of(product: Product) -> str:
    return str(product)[0].upper() + str(product)[1:]


DEFAULT_PARAMS: Final = Path("params.yaml")

ParamsFile = Annotated[
    Path, typer.Option("--params", **FILE, help="The project's params.yaml, or the file of a job.")
]
ManifestFile = Annotated[Path, file_option(MANIFEST, "--manifest")]
Manifests = Annotated[list[Path], files_option(MANIFEST, "--manifest")]
Clips = Annotated[list[Path], files_option(CLIPS, "--clips")]
PolicyFolder = Annotated[Path, folder_option(POLICY, "--policy")]
PredictionFiles = Annotated[list[Path], files_option(PREDICTIONS, "--predictions")]
PreferenceFiles = Annotated[list[Path], files_option(PREFERENCE, "--preference")]
TablesFolder = Annotated[Path, folder_option(TABLE, "--tables")]
OutFile = Annotated[Path, typer.Option("--out", **NEW_FILE, help="The file to write.")]
OutFolder = Annotated[Path, typer.Option("--out", **NEW_FOLDER, help="The folder to write.")]
OutDir = Annotated[Path, typer.Option("--out-dir", **NEW_FOLDER, help="The folder to write.")]
RunName = Annotated[str, typer.Option("--run", help="Name of the run, stored with the results.")]
BenchmarkName = Annotated[str, typer.Option("--benchmark", help="Name of the test set.")]
TimesFile = Annotated[
    Path | None,
    typer.Option("--times", **NEW_FILE, help="CSV file for wall times; results hold none."),
]
Gpus = Annotated[
    int, typer.Option(min=0, help="GPUs of this machine to reserve; 0 uses every visible one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for other programs.")]


def prepare_device(params: Path, gpus: int) -> Device:
    """Apply `kernels` of the parameters, reserve GPUs, and return `device`; before torch loads."""
    from vqathinker.params import load_value
    from vqathinker.phases.gpus import claim_gpus
    from vqathinker.policy.machine import cap_kernels

    cap_kernels(load_value(params, "kernels"))
    device: Device = load_value(params, "device")
    claim_gpus(gpus, device)
    return device


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
        return super().parse_args(ctx, repeat_option_names(args, repeatable))


def repeat_option_names(args: list[str], repeatable: set[str]) -> list[str]:
    """`--clips A B` as `--clips A --clips B`."""
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
