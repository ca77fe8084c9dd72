"""Secrets: read from the environment, shown nowhere."""

import pytest

from vqathinker.acquisition.secret import Secret
from vqathinker.errors import InputError

TEXT = "tok_5ecret"


def test_a_secret_shows_only_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", f"  {TEXT}\n")
    secret = Secret.from_environment("A_TOKEN")
    assert secret is not None
    assert secret.reveal() == TEXT
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert TEXT not in shown
        assert "$A_TOKEN" in shown


@pytest.mark.parametrize("value", ["", "  \n"])
def test_an_empty_variable_holds_no_secret(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", value)
    assert Secret.from_environment("A_TOKEN") is None


def test_a_token_with_a_line_break_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_TOKEN", f"{TEXT}\r\nX-Header: 1")
    with pytest.raises(InputError, match=r"\$A_TOKEN") as caught:
        Secret.from_environment("A_TOKEN")
    assert TEXT not in str(caught.value)
