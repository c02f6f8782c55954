"""verl's rollout servers as an engine of ours: whatever serves there (vLLM, our own) takes and gives token ids."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ray.exceptions import RayError

from mem1.errors import BackendError
from mem1.inference.base import Request, Tokenizer
from mem1.inference.pending import PendingCalls
from mem1.inference.weights import FixedWeights
from mem1.inference.writing import Ask, Piece, write
from mem1.integrations.verl.inside.gone import HINT, which
from mem1.types import Completion


class ServerGoneError(BackendError):
    """A rollout server died: no call to it can succeed any more."""

    ends_run = True


class VerlEngine(FixedWeights):
    """Writes by verl's servers. Their weights are handed over by verl; each completion tells the version of its own.

    Args:
        client: verl's ``LLMServerClient``.
        tokenizer: The model's own.
        max_context: Largest prompt + completion, in tokens.
    """

    policy_version = 0  # that of a completion is told with it

    def __init__(self, client: Any, tokenizer: Tokenizer, *, max_context: int) -> None:
        self._client = client
        self.tokenizer = tokenizer
        self.max_context = max_context
        self._pending = PendingCalls()
        self._names: dict[str, str] = {}

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``; one that ends the run where a server is gone."""
        versions: list[int] = []

        async def ask(one: Ask) -> Piece:
            return await self._ask(one, versions)

        completion = await self._pending.run(
            request.session, lambda: write(request, self.tokenizer, ask, max_context=self.max_context)
        )
        return completion.model_copy(update={"policy_version": min(versions, default=0)})

    async def _ask(self, ask: Ask, versions: list[int]) -> Piece:
        session = ask.request.session
        name = self._names.setdefault(session, uuid4().hex)  # one session is served by one server, for its cache
        parameters = {
            "max_tokens": ask.most,
            "temperature": ask.request.temperature,
            "top_p": 1.0,
            "top_k": -1,
            "repetition_penalty": 1.0,
            "logprobs": True,
            "seed": ask.seed,
            "stop": list(ask.stops),
            "include_stop_str_in_output": True,
            # Tags may be special tokens; left out of the text they would stop nothing.
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
        }
        prompt = [*ask.request.prompt, *ask.written]
        try:
            found = await self._client.generate(name, prompt_ids=prompt, sampling_params=parameters)
        except RayError as error:
            raise ServerGoneError(
                f"a rollout server is gone: {type(error).__name__}: {which(error)}", where=session, hint=HINT
            ) from error
        if found.stop_reason in ("abort", "aborted") or found.log_probs is None:
            what = "gave no log-probabilities" if found.log_probs is None else "gave a request up"
            raise BackendError(f"the rollout server {what}", where=session, hint="see its log (`ray logs`)")
        versions.append(found.extra_fields.get("global_steps") or 0)
        ids = tuple(found.token_ids)
        # The server does not tell a stop string from the end of the text: the former ends the completion anyway.
        return Piece(token_ids=ids, logprobs=tuple(found.log_probs), ended=len(ids) < ask.most)

    def release(self, session: str) -> None:
        """Let the session's next call go to any server."""
        self._names.pop(session, None)

    async def close(self) -> None:
        """The servers are verl's."""
        self._pending.close()
