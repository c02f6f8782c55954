"""What other projects' code calls, written down while it ran, so that it can be called again where their code is not.

``python -m tests.unit.webshop.dropin.calls`` runs it once more and writes the file.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mem1.webshop.dropin import original
from tests.unit.webshop.dropin.catalogue import written

FILE = Path(__file__).resolve().parents[3] / "data" / "webshop" / "calls.json"
METHODS = ("reset", "step", "get_available_actions", "get_instruction_text")


def digest(result: Any) -> str:
    """A result in few signs."""
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def listened(calls: list[list[Any]]) -> Iterator[None]:
    """Write down every call from outside: the environment's place, the method, what it was given, what came of it."""
    numbers: dict[int, int] = {}
    depth = 0

    def logged(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *given: Any, **named: Any) -> Any:
            nonlocal depth
            made = hasattr(self, "_visit")  # what it calls while it is made is no call from outside
            depth += 1
            try:
                result = method(self, *given, **named)
            finally:
                depth -= 1
            if not depth and made:
                place = numbers.setdefault(id(self), len(numbers))
                calls.append([place, name, list(given), named, digest(result)])
            return result

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in METHODS:
            patch.setattr(original.WebAgentTextEnv, name, logged(name, getattr(original.WebAgentTextEnv, name)))
        yield


class Listener:
    """An HTTP client that writes down what is asked of the service."""

    def __init__(self, client: Any, calls: list[list[Any]]) -> None:
        self._client = client
        self._calls = calls

    def post(self, url: str, **given: Any) -> Any:
        """As ``requests`` has it."""
        return self._ask("POST", url, **given)

    def get(self, url: str, **given: Any) -> Any:
        """As ``requests`` has it."""
        return self._ask("GET", url, **given)

    def _ask(self, method: str, url: str, json: Any = None, timeout: float = 0) -> Any:
        url = url.replace("http://testserver", "")
        answer = self._client.request(method, url, json=json)
        self._calls.append([method, url, json, answer.status_code, digest(answer.json())])
        return answer


def main() -> None:
    """Run all three clients and write down their calls."""
    from tests.unit.webshop.dropin import test_clients as clients

    found: dict[str, list[list[Any]]] = {"verl-agent": [], "RAGEN": [], "AgentGym": []}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", list(sys.path))
        items = written(Path(folder), 160)
        with listened(found["verl-agent"]):
            clients.verl_episode(clients.verl_manager(items, train=True))
        with listened(found["RAGEN"]):
            clients.ragen_episode(clients.ragen_env(items, patch))
        with clients.service(items) as http:
            clients.agentgym_episode(clients.agentgym_client(Listener(http, found["AgentGym"])), items)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
