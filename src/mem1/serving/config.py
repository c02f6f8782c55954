"""What every server of ours takes, and where it stops taking it."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import AfterValidator, Field

from mem1.config import Config
from mem1.errors import ConfigError
from mem1.http.addresses import check_variable

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
LOCAL = ("127.0.0.1", "localhost", "::1")


def _variable(name: str) -> str:
    return check_variable(name) if name else name


class ServerConfig(Config):
    """Address, guards and limits; every field is a flag of the command that serves."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    allowed_hosts: str = Field(
        default="",
        description="further names, after commas, by which clients may call this server; * takes any",
    )
    token_env: Annotated[str, AfterValidator(_variable)] = Field(
        default="", description="environment variable with a token that every request must bring"
    )
    max_body: Count = Field(default=1 << 16, description="most bytes of a request's body; more is refused (413)")
    max_held: Count = Field(default=1 << 28, description="most bytes of all bodies in hand; more is put off (503)")
    max_connections: Count = Field(
        default=1024, description="open connections; beyond them one without a request is closed, else put off (503)"
    )
    header_seconds: Seconds = Field(default=10.0, description="a request line and headers slower than this: closed")
    body_seconds: Seconds = Field(
        default=10.0, description="a body that takes longer to arrive is refused (408); 32 KiB add a second"
    )
    write_seconds: Seconds = Field(default=30.0, description="a client that takes nothing for so long: closed")
    idle_seconds: Seconds = Field(default=30.0, description="a kept-alive connection without a request: closed")
    linger_seconds: Seconds = Field(default=0.5, description="on a stop: idle connections may still send a request")
    drain_seconds: Seconds = Field(default=60.0, description="on a stop: most time for requests in hand")

    @property
    def local(self) -> bool:
        """Whether it listens on this machine only."""
        return self.host in LOCAL or self.host.startswith("127.")

    @property
    def names(self) -> tuple[str, ...]:
        """``allowed_hosts``, one by one."""
        return tuple(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())

    def token(self) -> str | None:
        """What requests must bring, ``None`` where nothing. Raises ``ConfigError`` where the variable is not set."""
        if not self.token_env:
            return None
        token = os.environ.get(self.token_env, "")
        if not token.strip():
            raise ConfigError(
                f"the environment variable {self.token_env} is not set",
                where="--token-env",
                hint=f"export {self.token_env}=..., a text of at least 16 signs that nobody can guess",
            )
        return token.strip()
