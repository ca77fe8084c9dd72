"""Secrecy: no token and no signed address is ever seen, however a download ends."""

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from rich.console import Console
from rich.traceback import Traceback
from tests.acquisition.conftest import PLAIN

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import download
from vqathinker.acquisition.errors import TransferError
from vqathinker.acquisition.secret import Secret
from vqathinker.acquisition.web import WebFile
from vqathinker.errors import InputError

TOKEN = "tok_5ecret0123456789"  # noqa: S105  opens nothing


SIGNATURE = "sig_5ecret9876543210"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", TOKEN)


# What happens to a download of a signed address with a token, told by name.
ENDINGS: dict[str, Callable] = {
    "arrives": lambda site: site.whole(),
    "drops": lambda site: site.whole(until=3),
    "stalls": lambda site: site.stall(until=3),
    "refused": lambda site: site.status(403),
    "nowhere": lambda site: site.redirect(f"ftp://127.0.0.1/x?signature={SIGNATURE}"),
    "garbage": lambda site: lambda handler, served: handler.wfile.write(b"not http at all\r\n\r\n"),
    "page": lambda site: site.status(200, b"<p>", Content_Type="text/html"),
}


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that hang on it, shown or not."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop()
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            yield error
            waiting += [error.__cause__, error.__context__]


def everything_shown_of(error: BaseException) -> str:
    """Message, notes, and local variables of the program, as the longest tracebacks show them."""
    error = error.with_traceback(error.__traceback__.tb_next)  # without the test's own
    text = []
    for link in chain(error):
        shown = traceback.TracebackException.from_exception(link, capture_locals=True)
        text += [str(link), repr(link), *shown.format()]
        out = io.StringIO()
        rich = Traceback.from_exception(
            type(link), link, link.__traceback__, show_locals=True, locals_max_string=None
        )
        Console(file=out, width=500).print(rich)
        text.append(out.getvalue())
    return "\n".join(text)


@pytest.mark.parametrize("ending", ENDINGS)
def test_token_and_signature_reach_no_log_no_message_no_traceback_and_no_file(
    ending, site, tmp_path, context, impatient, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    context = replace(
        impatient if ending == "stalls" else context,
        hash_table=HashTable(tmp_path / "data-hashes.csv"),
    )
    path = f"/file?signature={SIGNATURE}"
    address = site.has(path, b"content", first=[ENDINGS[ending](site) for _ in range(30)])
    shown = ""
    try:
        download(PLAIN, [WebFile(address, "A_TOKEN")], tmp_path / "file.bin", context)
    except TransferError as error:
        shown = everything_shown_of(error)
    if ending == "stalls":
        site.stalled.wait()  # the client may have left before the server read a word
    assert bool(shown) == (ending != "arrives")
    written = "".join(
        entry.name + entry.read_text() for entry in tmp_path.iterdir() if entry.is_file()
    )
    out, err = capfd.readouterr()
    assert site.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert SIGNATURE in site.asked[0].path
    for place in (shown, written, caplog.text, out, err, repr(address), repr(context)):
        assert TOKEN not in place
        assert SIGNATURE not in place
    assert address.parsed.host in caplog.text  # something is logged, though


TEXT = "tok_5ecret"


def test_a_secret_shows_only_where_it_comes_from(monkeypatch):
    monkeypatch.setenv("A_TOKEN", f"  {TEXT}\n")
    secret = Secret.from_environment("A_TOKEN")
    assert secret is not None
    assert secret.reveal() == TEXT
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert TEXT not in shown
        assert "$A_TOKEN" in shown


@pytest.mark.parametrize("value", ["", "  \n"])
def test_an_empty_variable_holds_no_secret(value, monkeypatch):
    monkeypatch.setenv("A_TOKEN", value)
    assert Secret.from_environment("A_TOKEN") is None


def test_a_token_with_a_line_break_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("A_TOKEN", f"{TEXT}\r\nX-Header: 1")
    with pytest.raises(InputError, match=r"\$A_TOKEN") as caught:
        Secret.from_environment("A_TOKEN")
    assert TEXT not in str(caught.value)
