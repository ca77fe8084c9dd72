"""Paths of options are checked before any work, and the check leaves nothing behind."""

from pathlib import Path

import pytest
import typer

from vqathinker.cli.paths import file_to_read, folder_to_read, folder_to_write, require_writable
from vqathinker.products import MANIFEST


@pytest.mark.parametrize("name", ["out.csv", "new/out.csv"])
def test_a_path_that_can_be_written_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert require_writable(name) == Path(name)
    assert folder_to_write()["parser"](".") == Path()
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(typer.BadParameter, match="file/out"):
        require_writable(tmp_path / "file" / "out")
    for path in (tmp_path, Path("/dev/null"), Path("/proc/self/out"), tmp_path / ("a" * 250)):
        with pytest.raises(typer.BadParameter, match=str(path)):
            require_writable(path)
    with pytest.raises(typer.BadParameter, match="file"):
        folder_to_write()["parser"](tmp_path / "file")


@pytest.mark.parametrize("to_read", [file_to_read, folder_to_read])
def test_what_is_not_there_is_named_with_what_makes_it(tmp_path: Path, to_read) -> None:
    other = tmp_path if to_read is file_to_read else tmp_path / "file"
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "nowhere", other):
        with pytest.raises(typer.BadParameter) as error:
            to_read(MANIFEST)["parser"](path)
        assert str(path) in error.value.message
        assert str(MANIFEST) in error.value.message
