"""What kind of failure a status is."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.http.errors import BadAnswerError, DeniedError, HttpError, RateLimitError, RefusedError, UnavailableError
from mem1.http.service import Keys, Service
from mem1.http.statuses import failure, hidden_failure

SERVICE = Service("the server", "http://x", Keys("url", "key_env", "timeouts", "slots", "retries"))


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (DeniedError, (401, 402, 407)),
        (RateLimitError, (420, 429, 498, 529)),
        (UnavailableError, (408, 409, 423, 424, 425, 499, 500, 501, 502, 503, 504, 508, 520, 522, 524, 530, 599)),
        (RefusedError, (301, 302, 304, 307, 308, 400, 403, 404, 405, 410, 411, 413, 414, 415, 418, 421, 422, 431, 451)),
    ],
)
def test_statuses_by_kind(kind: type[HttpError], statuses: tuple[int, ...]) -> None:
    for status in statuses:
        found = failure(status, "why", {}, SERVICE)
        assert type(found) is kind, status
        assert found.what == f"the server answered {status}: why"
        assert found.hint


@pytest.mark.parametrize(
    ("status", "complaint"),
    [
        (429, '{"error": {"code": "insufficient_quota"}}'),
        (429, "You exceeded your current quota, please check your plan and billing details."),
        (400, "Your credit balance is too low to access the API."),
        (403, '{"error": {"message": "Insufficient Balance"}}'),
        (402, "pay"),
        (429, "billing_hard_limit_reached"),
    ],
)
def test_no_money_left_is_no_rate(status: int, complaint: str) -> None:
    assert type(failure(status, complaint, {}, SERVICE)) is DeniedError


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"retry-after": "3"}, 3.0), ({"retry-after-ms": "250"}, 0.25), ({"retry-after": "soon"}, None), ({}, None)],
)
def test_what_was_asked_for_is_heeded(headers: dict[str, str], wait: float | None) -> None:
    assert failure(503, "", headers, SERVICE).asked_wait == wait
    assert failure(429, "", headers, SERVICE).asked_wait == wait


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": {"message": "overloaded", "code": 503}}, UnavailableError),
        ({"error": {"message": "slow", "code": "429"}}, RateLimitError),
        ({"error": {"message": "who", "code": 401}}, DeniedError),
        ({"error": {"message": "what", "status": 400}}, RefusedError),
        ({"error": "nope"}, BadAnswerError),
        ({"error": {"message": "nope", "code": "invalid"}}, BadAnswerError),
        ({"error": {"message": "nope", "code": 7}}, BadAnswerError),
        ({"error": None}, None),
        ({"choices": []}, None),
        ([], None),
        ("error", None),
    ],
)
def test_an_error_under_status_200_is_what_its_code_says(answer: Any, kind: type[HttpError] | None) -> None:
    found = hidden_failure(answer, SERVICE)
    assert found is None if kind is None else type(found) is kind
