"""How commands fail: one line, an exit code, and a traceback only where it is asked for."""

from pathlib import Path

import pytest
from tests.cli.finished_project import call, finished_project
from typer.testing import CliRunner

from vqathinker.cli import app
from vqathinker.cli.failures import describe_error, exit_code_of
from vqathinker.evaluation.predictions import read_predictions, write_predictions

__all__ = ["finished_project"]


def run(*words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.stderr.splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope",), "Error: No such command 'nope' (see `vqathinker --help`)"),
        (("tables", "--mertics", "x"), "Error: No such option: --mertics"),
        (("tables",), "Error: Missing option '--out-dir' (see `vqathinker tables --help`)"),
        (("data", "manifest"), "Error: Missing argument 'SET' (see"),
        (("decode", "--shard", "-1"), "Error: Invalid value for '--shard'"),
        (("decode", "--workers", "two"), "Error: Invalid value for '--workers'"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line_with_exit_code_2(words, said: str) -> None:
    code, lines = run(*words)
    assert code == 2
    assert len(lines) == 1
    assert lines[0].replace("root ", "vqathinker ").startswith(said)


def test_where_a_folder_of_the_output_is_a_file_nothing_is_begun(finished_project: Path) -> None:
    for out in ("params.yaml/x.json", "data"):
        words = ["metrics.json" if w == ">metrics.json" else w for w in call("metrics")]
        words = [out if w == "metrics.json" else w.lstrip("<>") for w in words]
        code, lines = run(*words)
        assert code == 2
        assert len(lines) == 1
        assert f"Invalid value for '--out': {out}: " in lines[0]


def test_predictions_of_another_benchmark_are_told_as_that(
    finished_project: Path, tmp_path: Path
) -> None:
    table, provenance = read_predictions(finished_project / "predictions.parquet")
    other = tmp_path / "other.parquet"
    write_predictions(other, table, provenance | {"benchmark": "ours"})
    words = [str(other) if w == "<predictions.parquet" else w.lstrip("<>") for w in call("metrics")]
    code, lines = run(*words)
    assert code == 1
    (line,) = lines
    assert line == (
        f"Error: {other}: predictions of ours, but data/mine/manifest.parquet is of mine; give the "
        "manifest and clips of ours, or predictions of mine"
    )


def test_debug_shows_the_traceback_wherever_it_stands(finished_project: Path) -> None:
    words = [w.replace("<metrics.json", "params.yaml").lstrip("<>") for w in call("tables")]
    for asked in (["--debug", *words], [*words, "--debug"]):
        code, lines = run(*asked)
        assert code == 1
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1].startswith("Error: params.yaml: is not metrics of one run")


def test_an_error_of_the_program_is_told_as_one() -> None:
    error = ZeroDivisionError("float division\nby zero")
    assert describe_error(error) == (
        "Error in the program itself: ZeroDivisionError: float division; the same command with "
        "--debug shows where: please report that"
    )
    assert exit_code_of(error) == 1


def test_errors_of_the_system_and_of_memory_are_told_in_our_words() -> None:
    assert describe_error(OSError(28, "No space left on device", "a/b")).startswith(
        "Error: a/b: the disk is full"
    )
    assert describe_error(MemoryError()).startswith("Error: out of memory")
