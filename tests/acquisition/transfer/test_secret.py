"""Secrets: read from the environment, shown nowhere."""

import json
import pickle

import pytest

from vqathinker.acquisition.transfer.secret import Secret

TEXT = "tok_5ecret"


def test_a_secret_shows_only_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", f"  {TEXT}\n")
    secret = Secret.from_environment("A_TOKEN")
    assert secret is not None
    assert secret.reveal() == TEXT
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert TEXT not in shown
        assert "$A_TOKEN" in shown
    assert secret.redact(f"bad header 'Bearer {TEXT}'") == "bad header 'Bearer <$A_TOKEN>'"


@pytest.mark.parametrize("value", ["", "  \n"])
def test_an_empty_variable_holds_no_secret(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", value)
    assert Secret.from_environment("A_TOKEN") is None


def test_a_missing_variable_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_TOKEN", raising=False)
    assert Secret.from_environment("A_TOKEN") is None


def test_a_token_with_a_line_break_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_TOKEN", f"{TEXT}\r\nX-Header: 1")
    with pytest.raises(ValueError, match=r"\$A_TOKEN: holds a line break") as caught:
        Secret.from_environment("A_TOKEN")
    assert TEXT not in str(caught.value)


def test_a_secret_is_not_written_to_files() -> None:
    secret = Secret(TEXT, "$A_TOKEN")
    with pytest.raises(TypeError, match="not written to files"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert not hasattr(secret, "__dict__")
