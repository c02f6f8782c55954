"""A model behind any OpenAI-compatible server, as an engine.

Servers take text or, where they can (vLLM), token ids. With text the contexts are decoded by a local tokenizer and what
comes back is encoded by it: budgets hold in its tokens, but they are not the ids that were sampled, and completions say
so (``exact`` is false). With ids nothing is decoded, and log-probabilities come along.
"""

from __future__ import annotations

from typing import Any

from mem1.http.probe import check_models
from mem1.inference.base import Request, Tokenizer
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.answers import ChatAnswer, Counts, TextAnswer, read_answer
from mem1.inference.endpoint.connection import endpoint
from mem1.inference.endpoint.counting import ContextWatch
from mem1.inference.endpoint.exact import exact_tokens
from mem1.inference.endpoint.text import at_most, choose_stops, ended_by, messages, restore_stop, text_of
from mem1.inference.pending import PendingCalls
from mem1.inference.weights import FixedWeights
from mem1.inference.writing import Ask, Piece, write
from mem1.types import Completion, Usage


class OpenAiEngine(FixedWeights):
    """Asks the server of ``config`` for the model named ``model``.

    Args:
        config: Where and how.
        model: The model's name at the server.
        tokenizer: Counts tokens; with ``config.exact`` it is the model's own.

    Raises ``ConfigError`` where the key is missing.
    """

    def __init__(self, config: OpenAiConfig, model: str, tokenizer: Tokenizer) -> None:
        self._config = config
        self._model = model
        self.tokenizer = tokenizer
        self.max_context = config.max_context
        self.policy_version = 0  # a server's model is not trained from here
        self._endpoint = endpoint(config)
        self._watch = ContextWatch(config.base_url)
        self._pending = PendingCalls()

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``: its kinds in ``http.errors`` and ``endpoint.errors``."""
        config = self._config
        return await self._pending.run(
            request.session,
            lambda: write(
                request,
                self.tokenizer,
                self._ask_ids if config.exact else self._ask_text,
                max_context=config.max_context,
                at_once=config.style == "chat" and not config.continues,
                exact=config.exact,
                policy_version=self.policy_version,
            ),
        )

    async def check(self) -> None:
        """Ask the server whether it is there and takes the key. Raises ``HttpError``."""
        chat = self._config.style == "chat"
        body: dict[str, Any] = {"model": self._model, self._config.max_tokens_key: 1}
        body |= {"messages": [{"role": "user", "content": "Hi"}]} if chat else {"prompt": "Hi"}
        await check_models(self._endpoint, "/chat/completions" if chat else "/completions", body)

    def release(self, session: str) -> None:
        """Nothing is kept for a session."""

    async def close(self) -> None:
        """Close the connections. Pending calls fail with ``BackendError``."""
        self._pending.close()
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
                "/completions", body, lambda answer: _complete(read_answer(TextAnswer, answer))
            )
            choice, counts = text_answer.choices[0], text_answer.usage
            text, ended = restore_stop(at_most(text_of(choice), ask.most), choice, stops, known, begun)
        else:
            body["messages"], more = messages(prompt, carried, begun, ask.section, continues=config.continues)
            body |= more
            chat_answer, seconds = await self._endpoint.call(
                "/chat/completions", body, lambda answer: _complete(read_answer(ChatAnswer, answer))
            )
            chosen, counts = chat_answer.choices[0], chat_answer.usage
            text, ended = restore_stop(at_most(text_of(chosen), ask.most), chosen, stops, known, begun)
        ids = tuple(self.tokenizer.encode(text))
        return Piece(ids, (0.0,) * len(ids), ended, self._usage(ask, counts, seconds))

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
            "/completions", body, lambda answer: _complete(read_answer(TextAnswer, answer))
        )
        choice = answer.choices[0]
        ids, logprobs = exact_tokens(choice, prompt)
        # At a stop string of another section the policy did not end its text; it goes on.
        ended = ended_by(choice) and choice.stop_string is None
        return Piece(ids, logprobs, ended, self._usage(ask, answer.usage, seconds))

    # ------------------------------------------------------------ both

    def _body(self, ask: Ask, stops: tuple[str, ...]) -> dict[str, Any]:
        config = self._config
        body: dict[str, Any] = {
            "model": self._model,
            config.max_tokens_key: ask.most,
            "temperature": ask.request.temperature,
            "seed": ask.seed,
        }
        if stops:
            body["stop"] = list(stops)
        for name in config.omit:
            del body[name]
        return body | config.extra

    def _usage(self, ask: Ask, counts: Counts | None, seconds: float) -> Usage | None:
        """What the server counted; ``None`` where it does not say how many tokens it read and wrote."""
        if counts is None or counts.prompt_tokens is None or counts.completion_tokens is None:
            return None
        prompt, cached, completion = counts.prompt_tokens, counts.cached_tokens, counts.completion_tokens
        prices = self._config.prices
        return Usage(
            calls=1,
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=completion,
            seconds=seconds,
            cost=None if prices is None else prices.cost(prompt=prompt, cached=cached, completion=completion),
            cut_prompts=self._watch.cut(len(ask.request.prompt) + len(ask.written), prompt),
        )


def _complete(answer: Any) -> Any:
    """``answer``, if it holds a completion: what is wrong with it is found while it can still be asked for again."""
    ended_by(answer.choices[0])
    text_of(answer.choices[0])
    return answer
