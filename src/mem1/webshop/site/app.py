"""The shop as a web application (ASGI): no script, no request to anywhere else, one form a click."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import resources
from typing import TypeVar
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from mem1.serving.guards import Headers, page_headers
from mem1.serving.run import guards
from mem1.webshop.site.config import SiteConfig
from mem1.webshop.site.pages import Site
from mem1.webshop.site.sessions import Customer, FullError

COOKIE = "mem1_shop"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_STATIC = {"shop.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_ENDED = "Your visit has ended, since you were away for long or the shop was started anew. Begin again."
_Form = dict[str, str]
_T = TypeVar("_T")


def make_app(site: Site, config: SiteConfig) -> Starlette:
    """The application: ``GET /`` is the page a person is on, each form is a ``POST`` that leads back there.

    ``/?goal=7`` offers the seventh errand.
    """
    pages = _Pages(site, config)
    policy = POLICY.replace("img-src 'self'", "img-src 'self' https:") if config.pictures else POLICY
    return Starlette(
        routes=[
            Route("/", pages.show),
            Route("/start", pages.start, methods=["POST"]),
            Route("/search", pages.search, methods=["POST"]),
            Route("/click", pages.click, methods=["POST"]),
            Route("/goal", pages.goal, methods=["POST"]),
            Route("/static/{name}", _static),
        ],
        middleware=[Middleware(Headers, headers=page_headers(policy)), *guards(config, realm="web shop")],
        exception_handlers={404: pages.missing, 405: pages.missing},
    )


class _Pages:
    def __init__(self, site: Site, config: SiteConfig) -> None:
        self._site = site
        self._config = config

    async def show(self, request: Request) -> Response:
        """The page that the visitor is on."""
        customer, number = self._customer(request), self._asked(request)
        # Only a press of a button takes up an errand: an address alone, which others may have written, changes nothing.
        other = customer is not None and number not in (None, customer.number) and "page" not in request.query_params
        if customer is None or other:
            page = self._site.welcome(_ENDED if customer is None and COOKIE in request.cookies else "", number)
        else:
            page = await asyncio.to_thread(_locked, customer, lambda: self._site.visit(customer))
        return HTMLResponse(page)

    async def start(self, request: Request) -> Response:
        """Let somebody in."""
        asked = _number(_form(await request.body()), "goal") - 1
        number = asked if 0 <= asked < len(self._site.sessions.goals) else 0
        present = self._customer(request)
        if present is not None:
            if asked == number != present.number:
                await asyncio.to_thread(_locked, present, lambda: self._site.sessions.turn_to(present, number))
            return _back(present.version, present.number)
        try:
            customer = self._site.sessions.enter(number)
        except FullError:
            text = f"There is room for {self._config.max_sessions} people at once. Try again in a while."
            page = self._site.failure("The shop is full", text)
            return HTMLResponse(page, status_code=503, headers={"retry-after": "60"})
        response = _back(goal=number)
        response.set_cookie(COOKIE, customer.id, httponly=True, samesite="strict", secure=request.url.scheme == "https")
        return response

    async def search(self, request: Request) -> Response:
        """Search."""
        return await self._act(request, self._search)

    async def click(self, request: Request) -> Response:
        """Click."""
        return await self._act(request, self._click)

    async def goal(self, request: Request) -> Response:
        """Go to another goal."""
        return await self._act(request, self._goal)

    async def missing(self, request: Request, error: Exception) -> Response:
        """There is no such page."""
        page = self._site.failure("There is no such page", "The address leads nowhere.")
        return HTMLResponse(page, status_code=getattr(error, "status_code", 404))

    async def _act(self, request: Request, act: Callable[[Customer, _Form], None]) -> Response:
        customer = self._customer(request)
        if customer is None:
            return _back()
        form = _form(await request.body())
        # A search of a large catalogue takes a while, in which others are served.
        await asyncio.to_thread(_locked, customer, lambda: self._done(customer, form, act))
        return _back(customer.version, customer.number)

    def _done(self, customer: Customer, form: _Form, act: Callable[[Customer, _Form], None]) -> None:
        act(customer, form)
        if customer.visit.done:
            self._site.sessions.over(customer)

    def _search(self, customer: Customer, form: _Form) -> None:
        customer.search(_number(form, "version"), form.get("words", "")[: self._config.max_query])

    def _click(self, customer: Customer, form: _Form) -> None:
        customer.click(_number(form, "version"), _number(form, "thing"))

    def _goal(self, customer: Customer, form: _Form) -> None:
        number = _number(form, "goal")
        if 1 <= number <= len(self._site.sessions.goals):
            self._site.sessions.turn_to(customer, number - 1)
        else:
            customer.notice = f"There is no such errand: they are numbered 1 to {len(self._site.sessions.goals)}."

    def _asked(self, request: Request) -> int | None:
        """The errand that the address names, by its position."""
        number = _number(dict(request.query_params), "goal") - 1
        return number if 0 <= number < len(self._site.sessions.goals) else None

    def _customer(self, request: Request) -> Customer | None:
        return self._site.sessions.find(request.cookies.get(COOKIE, ""))


def _locked(customer: Customer, do: Callable[[], _T]) -> _T:
    """One thing at a time for one person, whose browser may have sent two."""
    with customer.lock:
        return do()


def _form(body: bytes) -> _Form:
    """The form's fields; what is no form has none."""
    try:
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=16)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _number(form: _Form, name: str) -> int:
    """A number of the form; -1, which nothing has, where there is none."""
    text = form.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _back(version: int = 0, goal: int | None = None) -> RedirectResponse:
    """To the page that the person is on. Its number gives the browser's history an entry of its own for each page:
    going back there leads to the present page once more, and not out of the shop. The errand's number lets the address
    be given to others, who are asked whether to take it up."""
    errand = "" if goal is None else f"goal={goal + 1}"
    query = "&".join(part for part in (errand, f"page={version}" if version else "") if part)
    return RedirectResponse(f"./?{query}" if query else "./", status_code=303)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return Response(status_code=404)
    data = resources.files("mem1.webshop.site").joinpath("static", name).read_bytes()
    return Response(data, media_type=_STATIC[name])
