"""A model behind any OpenAI-compatible server, as an engine.

Servers take text or, where they can (vLLM), token ids. With text the contexts are decoded by a local tokenizer and what
comes back is encoded by it: budgets hold in its tokens, but they are not the ids that were sampled, and completions say
so (``exact`` is false). With ids nothing is decoded, and log-probabilities come along.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mem1.inference.base import Request, Tokenizer
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.answers import ChatAnswer, Counts, TextAnswer, TextChoice, read_answer
from mem1.inference.endpoint.connection import Endpoint, closed_error
from mem1.inference.endpoint.errors import InexactAnswerError
from mem1.inference.endpoint.text import choose_stops, ended_by, messages, restore_stop, text_of
from mem1.inference.writing import Ask, Piece, write
from mem1.text import well_formed
from mem1.types import Completion, Usage

_SEEDS = 2**31  # what every server takes for a seed


class OpenAiEngine:
    """Asks the server of ``config`` for the model named ``model``.

    Args:
        config: Where and how.
        model: The model's name at the server.
        tokenizer: Counts tokens; with ``config.exact`` it is the model's own.

    Raises ``ConfigError`` where the key is missing, ``Mem1Error`` without the package ``openai``.
    """

    policy_version = 0  # a server's model is not trained from here

    def __init__(self, config: OpenAiConfig, model: str, tokenizer: Tokenizer) -> None:
        self._config = config
        self._model = model
        self.tokenizer = tokenizer
        self.max_context = config.max_context
        self._endpoint = Endpoint(config)
        self._pending: set[asyncio.Task[Completion]] = set()
        self._closed = False

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``, mostly its kinds in ``endpoint_errors``."""
        if self._closed:
            raise closed_error(request.session)
        config = self._config
        task = asyncio.create_task(
            write(
                request,
                self.tokenizer,
                self._ask_ids if config.exact else self._ask_text,
                max_context=config.max_context,
                at_once=config.style == "chat" and not config.continues,
                exact=config.exact,
            )
        )
        self._pending.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._closed:
                raise closed_error(request.session) from None
            raise
        finally:
            self._pending.discard(task)

    def release(self, session: str) -> None:
        """Nothing is kept for a session."""

    async def close(self) -> None:
        """Close the connections. Pending calls fail with ``BackendError``."""
        self._closed = True
        for task in list(self._pending):
            if task.get_loop() is asyncio.get_running_loop():
                task.cancel()
        await self._endpoint.close()

    # ------------------------------------------------------------ text

    async def _ask_text(self, ask: Ask) -> Piece:
        config, decode = self._config, self.tokenizer.decode
        # Without a word on where P ends, all of the context is the user's.
        border = ask.request.prefix_length or len(ask.request.prompt)
        prompt, carried = decode(ask.request.prompt[:border]), decode(ask.request.prompt[border:])
        begun = decode(ask.written)
        stops = choose_stops(ask.stops, config.stop_strings, prompt)
        known = [stop for section in ask.request.sections for stop in (*section.stops, *section.final_stops)]
        body = self._body(ask, stops)
        if config.style == "completion":
            body["prompt"] = prompt + carried + begun
            text_answer, seconds = await self._endpoint.call(
                "/completions", body, lambda text: _complete(read_answer(TextAnswer, text))
            )
            choice, counts = text_answer.choices[0], text_answer.usage
            text, ended = restore_stop(text_of(choice), choice, stops, known, begun)
        else:
            body["messages"], more = messages(prompt, carried, begun, ask.section, continues=config.continues)
            body |= more
            chat_answer, seconds = await self._endpoint.call(
                "/chat/completions", body, lambda text: _complete(read_answer(ChatAnswer, text))
            )
            chosen, counts = chat_answer.choices[0], chat_answer.usage
            text, ended = restore_stop(text_of(chosen), chosen, stops, known, begun)
        ids = tuple(self.tokenizer.encode(well_formed(text)))
        return Piece(ids, (0.0,) * len(ids), ended, self._usage(counts, seconds))

    # ------------------------------------------------------------ token ids

    async def _ask_ids(self, ask: Ask) -> Piece:
        prompt = (*ask.request.prompt, *ask.written)
        body = self._body(ask, ask.stops) | {
            "prompt": list(prompt),
            "logprobs": 1,
            "return_token_ids": True,
            "include_stop_str_in_output": True,
            # Tags may be special tokens; left out of the text they would stop nothing.
            "skip_special_tokens": False,
            "spaces_between_special_tokens": False,
        }
        answer, seconds = await self._endpoint.call(
            "/completions", body, lambda text: _complete(read_answer(TextAnswer, text))
        )
        choice = answer.choices[0]
        ids, logprobs = exact_tokens(choice, prompt)
        # At a stop string of another section the policy did not end its text; it goes on.
        ended = ended_by(choice) and choice.stop_string is None
        return Piece(ids, logprobs, ended, self._usage(answer.usage, seconds))

    # ------------------------------------------------------------ both

    def _body(self, ask: Ask, stops: tuple[str, ...]) -> dict[str, Any]:
        config = self._config
        body: dict[str, Any] = {
            "model": self._model,
            config.max_tokens_key: ask.most,
            "temperature": ask.request.temperature,
            "seed": (ask.request.seed + ask.number) % _SEEDS,
        }
        if stops:
            body["stop"] = list(stops)
        for name in config.omit:
            del body[name]
        return body | config.extra

    def _usage(self, counts: Counts | None, seconds: float) -> Usage | None:
        if counts is None:
            return None
        prices = self._config.prices
        return Usage(
            calls=1,
            prompt_tokens=counts.prompt_tokens,
            cached_tokens=counts.cached_tokens,
            completion_tokens=counts.completion_tokens,
            seconds=seconds,
            cost=None
            if prices is None
            else prices.cost(
                prompt=counts.prompt_tokens, cached=counts.cached_tokens, completion=counts.completion_tokens
            ),
        )


def _complete(answer: Any) -> Any:
    """``answer``, if it holds a completion: what is wrong with it is found while it can still be asked for again."""
    ended_by(answer.choices[0])
    text_of(answer.choices[0])
    return answer


def exact_tokens(choice: TextChoice, prompt: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The ids that were sampled behind ``prompt``, and their log-probabilities.

    Raises ``InexactAnswerError`` where the server gives none, not one for each token, or used another prompt.
    """
    hint = "serve the model with vLLM, which returns token ids and log-probabilities, or set engine.exact = false"
    if choice.token_ids is None or choice.prompt_token_ids is None:
        raise InexactAnswerError("the server does not return the token ids that it sampled", hint=hint)
    if choice.prompt_token_ids != prompt:
        raise InexactAnswerError(
            f"the server used {len(choice.prompt_token_ids)} other ids as its prompt than the {len(prompt)} given",
            hint=hint,
        )
    found = [] if choice.logprobs is None else [value for value in choice.logprobs.token_logprobs if value is not None]
    if len(found) != len(choice.token_ids):
        raise InexactAnswerError(
            f"the server returns {len(found)} log-probabilities for {len(choice.token_ids)} tokens", hint=hint
        )
    return choice.token_ids, tuple(found)
