"""A key is shown to nobody, in whatever spelling it comes back."""

from __future__ import annotations

import pickle

import pytest

from mem1.errors import ConfigError
from mem1.http.secret import HIDDEN, Secret

KEY = 'sk-a/b+c"d-0123456789'


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Secret:
    monkeypatch.setenv("MEM1_TEST_KEY", f" {KEY}\n")
    return Secret.from_environment("MEM1_TEST_KEY")


def test_it_is_what_the_environment_holds(secret: Secret) -> None:
    assert secret.reveal() == KEY


def test_nothing_prints_or_pickles_it(secret: Secret) -> None:
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(secret)


@pytest.mark.parametrize(
    "spelling", [KEY, 'sk-a/b+c\\"d-0123456789', "sk-a%2Fb%2Bc%22d-0123456789"], ids=["plain", "JSON", "address"]
)
def test_every_spelling_is_hidden(secret: Secret, spelling: str) -> None:
    assert secret.redact(f"<{spelling}> and <{spelling}>") == f"<{HIDDEN}> and <{HIDDEN}>"


def test_a_complaint_shows_no_bearer_at_all(secret: Secret) -> None:
    told = secret.redact_error("you sent Authorization: Bearer abcdefgh12345678, not bearer token")
    assert told == f"you sent Authorization: Bearer {HIDDEN}, not bearer token"


def test_what_guards_nothing_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM1_TEST_KEY", "EMPTY")
    assert Secret.from_environment("MEM1_TEST_KEY").redact("an EMPTY page") == "an EMPTY page"
    assert Secret.from_environment(None).redact("none of it") == "none of it"


@pytest.mark.parametrize(
    ("value", "what"), [("", "is not set"), ("two words", "is no key"), ("schlüssel", "is no key")]
)
def test_a_missing_or_impossible_key_is_named_not_shown(value: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM1_TEST_KEY", value)
    with pytest.raises(ConfigError, match="MEM1_TEST_KEY") as caught:
        Secret.from_environment("MEM1_TEST_KEY")
    assert what in str(caught.value)
    assert not value or value not in str(caught.value)
