"""The shop as AgentGym's JSON service: its clients work with this address in place of the other one.

``POST /create`` -> a number; ``POST /step`` {env_idx, action} -> {state, reward, done, info}; ``POST /reset`` {env_idx,
session_id} -> [page, null]; ``GET /available_actions``, ``/instruction_text``, ``/observation``, ``/state`` with
``?env_idx=``; ``GET /list_envs``; ``POST /close`` {env_idx}, which the other service lacks and its client calls.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mem1.serving.config import ServerConfig
from mem1.serving.run import guards
from mem1.webshop.dropin.original import WebAgentTextEnv
from mem1.webshop.dropin.server import ShopServer


class WrongRequestError(Exception):
    """A request that asks for nothing that there is; the service says so and goes on."""

    def __init__(self, said: str, status: int = 422) -> None:
        super().__init__(said)
        self.status = status


class Environments:
    """Who is in the shop by number. ``room``: of more the one that was idle for longest ends."""

    def __init__(self, server: ShopServer, room: int) -> None:
        self._server = server
        self._room = room
        self._next = 0
        self._open: OrderedDict[int, WebAgentTextEnv] = OrderedDict()

    def create(self) -> int:
        """The number of a new one."""
        number, self._next = self._next, self._next + 1
        self._open[number] = WebAgentTextEnv("text", server=self._server)
        while len(self._open) > self._room:
            self._open.popitem(last=False)[1].close()
        return number

    def find(self, number: object) -> WebAgentTextEnv:
        """The one with that number. Raises ``WrongRequestError``."""
        if type(number) is not int or number not in self._open:
            raise WrongRequestError(f"there is no environment {number!r}: create one", 404)
        self._open.move_to_end(number)
        return self._open[number]

    def close(self, number: object) -> bool:
        """End one."""
        self.find(number).close()
        self._open.pop(int(str(number)))
        return True

    @property
    def numbers(self) -> list[int]:
        """All that are open."""
        return list(self._open)


def make_service(server: ShopServer, config: ServerConfig, room: int) -> Starlette:
    """The service as an application (ASGI)."""
    here = _Answers(Environments(server, room), len(server.goals))
    routes = [
        Route("/", _answer(here.hello)),
        Route("/list_envs", _answer(here.numbers)),
        *(Route(f"/{name}", _answer(getattr(here, name)), methods=["POST"]) for name in _CHANGING),
        *(Route(f"/{name}", _answer(getattr(here, name))) for name in _READING),
    ]
    return Starlette(routes=routes, middleware=guards(config, realm="web shop"))


_CHANGING = ("create", "step", "reset", "close")
_READING = ("available_actions", "instruction_text", "observation", "state")


class _Answers:
    def __init__(self, environments: Environments, goals: int) -> None:
        self._environments = environments
        self._goals = goals

    def hello(self, asked: dict[str, Any]) -> str:
        return "ok"

    def numbers(self, asked: dict[str, Any]) -> list[int]:
        return self._environments.numbers

    def create(self, asked: dict[str, Any]) -> int:
        return self._environments.create()

    def step(self, asked: dict[str, Any]) -> dict[str, Any]:
        action = asked.get("action")
        if not isinstance(action, str):
            raise WrongRequestError("'action' must be a text")
        page, reward, done, _ = self._environments.find(asked.get("env_idx")).step(action)
        return {"state": page, "reward": reward, "done": done, "info": None}

    def reset(self, asked: dict[str, Any]) -> list[str | None]:
        session = asked.get("session_id")
        if session is not None and not (type(session) is int and 0 <= session < self._goals):
            raise WrongRequestError(f"'session_id' must be a number below {self._goals}, or null")
        page, _ = self._environments.find(asked.get("env_idx")).reset(session)
        return [page, None]

    def close(self, asked: dict[str, Any]) -> bool:
        return self._environments.close(asked.get("env_idx"))

    def available_actions(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._environments.find(asked.get("env_idx")).get_available_actions()

    def instruction_text(self, asked: dict[str, Any]) -> str:
        return self._environments.find(asked.get("env_idx")).get_instruction_text()

    def observation(self, asked: dict[str, Any]) -> str:
        return self._environments.find(asked.get("env_idx")).observation

    def state(self, asked: dict[str, Any]) -> dict[str, str]:
        return self._environments.find(asked.get("env_idx")).state


def _answer(ask: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def answer(request: Request) -> JSONResponse:
        try:
            return JSONResponse(ask(await _asked(request)))
        except WrongRequestError as wrong:
            return JSONResponse({"detail": str(wrong)}, status_code=wrong.status)

    return answer


async def _asked(request: Request) -> dict[str, Any]:
    """What is asked: the body's object, or the numbers of the query."""
    if request.method == "GET":
        return {key: int(value) if value.isdecimal() else value for key, value in request.query_params.items()}
    body = await request.body()
    try:
        asked = json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise WrongRequestError("the body must be JSON", 400) from error
    if not isinstance(asked, dict):
        raise WrongRequestError("the body must be a JSON object", 400)
    return asked
