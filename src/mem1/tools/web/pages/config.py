"""How pages are fetched and read, in a recipe: ``env.pages``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from mem1.config import Config
from mem1.http.guarded.client import Fetch
from mem1.http.guarded.urls import PORTS, Allowed

_HOST = r"^[a-z0-9._:-]+:[0-9]{1,5}$"


class PagesConfig(Config):
    """Limits of one page. Seconds: ``connect``, ``read`` (between two bytes), ``total`` (with redirects, robots.txt and
    tries), ``reading`` (of its text). ``limit``: bytes, unpacked. ``redirects``, ``per_host`` (requests at once),
    ``retries`` after 429 and 5xx, ``pdf_pages`` of a PDF.

    ``robots``: do what a site's robots.txt says. ``agent`` is the name that sites get to know (a product, with nothing
    in it that a header cannot carry). ``allow`` names hosts as ``host:port`` that are fetched from although they are
    not on the public network: of one's own, or of a test. ``ports`` that are fetched from elsewhere.
    """

    connect: float = Field(default=5.0, gt=0)
    read: float = Field(default=10.0, gt=0)
    total: float = Field(default=20.0, gt=0)
    reading: float = Field(default=10.0, gt=0)
    limit: int = Field(default=2_000_000, ge=1)
    redirects: int = Field(default=5, ge=0)
    per_host: int = Field(default=2, ge=1)
    connections: int = Field(default=16, ge=1)
    retries: int = Field(default=2, ge=0)
    pdf_pages: int = Field(default=50, ge=1)
    readers: int = Field(default=2, ge=1)
    robots: bool = True
    agent: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "mem1"
    about: Annotated[str, Field(pattern=r"^[ -~]{0,200}$")] = ""
    allow: tuple[Annotated[str, Field(pattern=_HOST)], ...] = ()
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = tuple(sorted(PORTS))

    @field_validator("about")
    @classmethod
    def _in_a_comment(cls, text: str) -> str:
        if any(sign in text for sign in "()\\"):
            raise ValueError("no brackets and no backslash: it stands in brackets behind the agent's name")
        return text

    @property
    def fetch(self) -> Fetch:
        """The same for the client."""
        return Fetch(
            connect=self.connect,
            read=self.read,
            total=self.total,
            limit=self.limit,
            redirects=self.redirects,
            per_host=self.per_host,
            connections=self.connections,
            retries=self.retries,
            agent=f"{self.agent} ({self.about})" if self.about else self.agent,
            allowed=Allowed(frozenset(self.allow), frozenset(self.ports)),
        )
