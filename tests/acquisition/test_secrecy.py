"""Tokens and signed addresses stay secret, regardless of how a download ends."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.acquisition.conftest import PLAIN

from vqathinker.acquisition.checksum import HashTable
from vqathinker.acquisition.download import download
from vqathinker.acquisition.errors import TransferError
from vqathinker.acquisition.secret import read_secret
from vqathinker.acquisition.web import WebFile
from vqathinker.errors import InputError

TOKEN = "tok_5ecret0123456789"  # noqa: S105  opens nothing
SIGNATURE = "sig_5ecret9876543210"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", TOKEN)


# Outcomes of downloading a signed address with a token.
OUTCOMES: dict[str, Callable] = {
    "arrives": lambda site: site.whole(),
    "drops": lambda site: site.whole(until=3),
    "refused": lambda site: site.status(403),
    "nowhere": lambda site: site.redirect(f"ftp://127.0.0.1/x?signature={SIGNATURE}"),
    "garbage": lambda site: lambda handler, served: handler.wfile.write(b"not http at all\r\n\r\n"),
    "page": lambda site: site.status(200, b"<p>", Content_Type="text/html"),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_token_and_signature_never_appear_in_logs_messages_tracebacks_or_files(
    outcome, site, tmp_path, context, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    context = replace(context, hash_table=HashTable(tmp_path / "data-hashes.csv"))
    path = f"/file?signature={SIGNATURE}"
    address = site.serve(path, b"content", first=[OUTCOMES[outcome](site) for _ in range(30)])
    error_text = ""
    try:
        download(PLAIN, [WebFile(address, "A_TOKEN")], tmp_path / "file.bin", context)
    except TransferError as error:
        trace = error.__traceback__.tb_next  # without the test's own frame
        locals_too = traceback.TracebackException(
            type(error), error, trace, capture_locals=True
        ).format()
        error_text = "\n".join([str(error), repr(error), *locals_too])
    assert bool(error_text) == (outcome != "arrives")
    written = "".join(
        entry.name + entry.read_text() for entry in tmp_path.iterdir() if entry.is_file()
    )
    out, err = capfd.readouterr()
    assert site.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert SIGNATURE in site.requests[0].path
    for place in (error_text, written, caplog.text, out, err, repr(address), repr(context)):
        assert TOKEN not in place
        assert SIGNATURE not in place
    assert address.components.host in caplog.text  # ensures that the log is not empty


def test_secret_is_masked_and_empty_variable_gives_none(monkeypatch):
    secret = read_secret("A_TOKEN")
    assert secret is not None
    assert secret.get_secret_value() == TOKEN
    assert TOKEN not in f"{secret} {secret!r}"
    monkeypatch.setenv("A_TOKEN", "  \n")
    assert read_secret("A_TOKEN") is None


def test_token_with_line_break_is_rejected_without_showing_it(monkeypatch):
    monkeypatch.setenv("A_TOKEN", f"{TOKEN}\r\nX-Header: 1")
    with pytest.raises(InputError, match=r"\$A_TOKEN") as caught:
        read_secret("A_TOKEN")
    assert TOKEN not in str(caught.value)
