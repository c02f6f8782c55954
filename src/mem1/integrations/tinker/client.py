"""The one place that talks to the service: its official client, with our patience, errors and key.

Everything of the client's own is called in this module; what it raises becomes ``BackendError`` without the key in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from mem1.errors import BackendError, ConfigError, Mem1Error
from mem1.http.client import HttpClient
from mem1.http.secret import Secret, live_secrets
from mem1.http.service import Keys, Service
from mem1.integrations.tinker.config import TinkerService

if TYPE_CHECKING:
    from tinker import SamplingClient, TrainingClient

ADAPTER = "tinker://"
_KEYS = Keys(
    url="backend.base_url",
    key="backend.key_env",
    patience="backend.timeout",
    slots="backend.slots",
    retries="backend.timeout",
)
_NO_KEY = "tml-none"  # the client insists on one; a service that wants none does not look


async def reach(config: TinkerService) -> None:
    """Ask once whether the service answers. Raises ``BackendError``, ``ConfigError``.

    The official client tries for minutes before it gives up on an address where nobody listens.
    """
    key = Secret.from_environment(config.key_env, where="backend.key_env")
    client = HttpClient(Service("the training service", config.base_url, _KEYS, retries=1), key)
    try:
        error = await client.probe("/api/v1/healthz")
    finally:
        await client.close()
    if error is not None:
        raise error


class Connection:
    """A session at the service.

    Raises ``Mem1Error`` without the package, ``ConfigError`` where the key is missing, ``BackendError`` where the
    service does not take us.
    """

    def __init__(self, config: TinkerService) -> None:
        # It sends notes on every call elsewhere unless it is told not to before it is imported.
        os.environ.setdefault("TINKER_TELEMETRY", "0")
        try:
            import tinker
        except ModuleNotFoundError as error:
            raise Mem1Error(
                f"training at a service needs a package that is not here: {error.name}",
                hint="pip install 'mem1-rl[tinker]'",
            ) from error
        self._key = Secret.from_environment(config.key_env, where="backend.key_env")
        self._config = config
        with self.boundary("cannot begin a session"):
            self._service = tinker.ServiceClient(
                base_url=config.base_url, api_key=self._key.reveal() or _NO_KEY, user_metadata={"client": "mem1"}
            )
            self._models = {
                model.model_name: model.max_context_length
                for model in self._service.get_server_capabilities().supported_models
            }

    def max_context(self, model: str) -> int:
        """Tokens that the service takes for ``model``. Raises ``ConfigError`` where neither it nor the recipe says."""
        known = self._config.max_context or self._models.get(model)
        if known is None:
            raise ConfigError(
                f"the service does not say how many tokens {model!r} takes",
                where="backend.max_context",
                hint="state it: it is the most that prompt and completion hold together",
            )
        return known

    def check_model(self, model: str) -> None:
        """Raise ``ConfigError`` where the service lists its models and ``model`` is not among them."""
        if self._models and model not in self._models:
            there = ", ".join(sorted(filter(None, self._models)))
            raise ConfigError(f"the service has no model {model!r}", where="model", hint=f"there are: {there}")

    def sampler(self, model: str) -> SamplingClient:
        """Samples from a base model, or from an adapter by its path."""
        named = {"model_path": model} if model.startswith(ADAPTER) else {"base_model": model}
        if "base_model" in named:
            self.check_model(model)
        with self.boundary(f"cannot sample from {model}"):
            return self._service.create_sampling_client(**named)

    def trainer(self, model: str, rank: int, *, seed: int) -> TrainingClient:
        """A new adapter on ``model``."""
        self.check_model(model)
        with self.boundary(f"cannot train an adapter on {model}"):
            return self._service.create_lora_training_client(base_model=model, rank=rank, seed=seed % 2**31)

    def resumed(self, path: str) -> TrainingClient:
        """An adapter and its optimizer as they were saved under ``path``."""
        with self.boundary(f"cannot go on from {path}"):
            return self._service.create_training_client_from_state_with_optimizer(path)

    def wait(self, promised: Any) -> Any:
        """What a call of the client's promises, waited for as long as the settings allow."""
        return promised.result(timeout=self._config.timeout)

    def boundary(self, what: str) -> AbstractContextManager[None]:
        """``boundary`` of this service."""
        return boundary(self._config, what)


@contextmanager
def boundary(config: TinkerService, what: str) -> Iterator[None]:
    """Turn whatever the client raises in the block into ``BackendError``, our key left out."""
    try:
        yield
    except Mem1Error:
        raise
    except (TimeoutError, FutureTimeoutError) as error:
        raise BackendError(
            f"{what}: no answer within {config.timeout:g} seconds",
            where=config.base_url,
            hint="see whether the service is busy or gone; backend.timeout is how long one answer may take. "
            "Nothing is lost: go on with --run DIR --resume",
        ) from error
    except Exception as error:
        told = f"{what}: {type(error).__name__}: {error}"
        for secret in live_secrets():
            told = secret.redact_error(told)
        raise BackendError(
            told[:500],
            where=config.base_url,
            hint="see the service's log; its key is named by backend.key_env. Go on with --run DIR --resume",
        ) from error


def numbers(data: Any) -> Sequence[float]:
    """The values of a tensor as the client returns it."""
    return list(data.tolist() if hasattr(data, "tolist") else data)
