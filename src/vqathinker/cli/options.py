"""Options that several commands share, and how the command line parses and explains options."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from vqathinker.choices import Device, ScoreKind

DEFAULT_PARAMS: Final = Path("params.yaml")
_FROM_MANIFEST: Final = "from `vqathinker data manifest`."


def input_file(text: str, *names: str) -> Any:
    """An option for a file that must exist."""
    return typer.Option(*names, exists=True, dir_okay=False, help=text)


def input_files(text: str, *names: str) -> Any:
    """An option for one or more files that must exist."""
    return typer.Option(*names, exists=True, dir_okay=False, metavar="<file>...", help=text)


def input_folder(text: str, *names: str) -> Any:
    """An option for a folder that must exist."""
    return typer.Option(*names, exists=True, file_okay=False, help=text)


def output_file(text: str, *names: str) -> Any:
    """An option for a file to write."""
    return typer.Option(*names, dir_okay=False, writable=True, help=text)


def output_folder(text: str, *names: str) -> Any:
    """An option for a folder to write."""
    return typer.Option(*names, file_okay=False, writable=True, help=text)


def folder_argument(metavar: str, text: str) -> Any:
    """An argument for a folder that must exist."""
    return typer.Argument(exists=True, file_okay=False, metavar=metavar, help=text)


ParamsFile = Annotated[
    Path, input_file("Parameters: params.yaml, or the file of a job in workflow/keys.", "--params")
]
ManifestFile = Annotated[
    Path, input_file(f"Manifest of the data set, {_FROM_MANIFEST}", "--manifest")
]
Manifests = Annotated[
    list[Path], input_files(f"Manifests of the data sets, {_FROM_MANIFEST}", "--manifest")
]
Clips = Annotated[list[Path], input_files("Clip shards, from `vqathinker decode`.", "--clips")]
PolicyFolder = Annotated[
    Path, input_folder("Policy folder, from `vqathinker base` or `export`.", "--policy")
]
PredictionFiles = Annotated[
    list[Path], input_files("Predictions, from `vqathinker predict`.", "--predictions")
]
PreferenceFiles = Annotated[
    list[Path], input_files("Temporal preferences, from `vqathinker preference`.", "--preference")
]
TablesFolder = Annotated[
    Path, input_folder("Folder of tables, from `vqathinker tables`.", "--tables")
]
OutputFile = Annotated[Path, output_file("File to write.", "--output")]
OutputFolder = Annotated[Path, output_folder("Folder to write.", "--output")]
RunName = Annotated[str, typer.Option("--run", help="Name of the run, stored with the results.")]
BenchmarkName = Annotated[
    str, typer.Option("--benchmark", help="Name of the benchmark, stored with the results.")
]
TimesFile = Annotated[
    Path | None, output_file("CSV file for wall times, which results do not include.", "--times")
]
Gpus = Annotated[
    int, typer.Option(min=0, help="Number of GPUs to reserve; 0 uses every visible GPU.")
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="<policy>",
        help="Policy that scores the clips: a policy folder, a run of this project such as "
        "demo/grpo, `authors` for the released weights, or owner/name on the Hugging Face hub; by "
        "default the policy that `make demo` trains.",
    ),
]
ScoreOption = Annotated[
    ScoreKind | None,
    typer.Option(
        "--score",
        help="Kind of score: greedy is the number in the most likely answer, mean the mean of "
        "sampled answers with a 95 % interval, and expected the expectation over all answers; by "
        "default the kind in the policy's tables.",
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option("--device", help="Device to compute on; auto selects the GPU if there is one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def prepare_device(params: Path, gpus: int) -> Device:
    """Apply `kernels` of the parameters, reserve GPUs, and return `device`.

    Call it before torch is imported.
    """
    from vqathinker.params import load_value
    from vqathinker.phases.gpus import claim_gpus
    from vqathinker.policy.machine import cap_kernels

    cap_kernels(load_value(params, "kernels"))
    device: Device = load_value(params, "device")
    claim_gpus(gpus, device)
    return device


def _simplify_types(params: list[Any]) -> list[Any]:
    """Remove types from help texts where they say nothing, such as `<bool>` of a flag."""
    for param in params:
        if isinstance(param, TyperArgument):
            param.display_type_rich = lambda ctx: ""  # type: ignore[method-assign]  # noqa: ARG005
        elif param.is_flag:
            param.metavar = ""
        elif param.type_descriptor.is_ranged and param.metavar is None:
            param.metavar = f"<{param.type_descriptor.ranged_type_name}>"
    return params


class Group(TyperGroup):
    """A group of commands with short types in its help."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Parameters of the group, with `--help`."""
        return _simplify_types(super().get_params(ctx))


class Command(TyperCommand):
    """A command whose repeatable options also take several values: `--clips A B C`.

    Click knows only `--clips A --clips B --clips C`. Arguments come before such an option.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Parameters of the command, with `--help`."""
        return _simplify_types(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its values, then parse as click does."""
        repeatable: set[str] = set()
        for param in self.params:
            if getattr(param, "multiple", False):
                repeatable.update(param.opts)
        return super().parse_args(ctx, repeat_option_names(args, repeatable))


def repeat_option_names(args: list[str], repeatable: set[str]) -> list[str]:
    """Turn `--clips A B` into `--clips A --clips B`."""
    repeated: list[str] = []
    current: str | None = None
    for arg in args:
        if arg in repeatable:
            current = arg
        elif arg.startswith("-"):
            current = None
            repeated.append(arg)
        else:
            repeated += [current, arg] if current else [arg]
    return repeated
