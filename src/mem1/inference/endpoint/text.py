"""Text to a server and back: what is sent, and which stop string a server cut off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mem1.inference.endpoint.answers import ChatChoice, TextChoice
from mem1.inference.endpoint.errors import BadAnswerError, FilteredError

_STOPPED = {"stop", "eos", "eos_token", "end_turn", "stop_sequence"}
_FULL = {"length", "max_tokens"}
_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[A-Za-z][A-Za-z0-9_]*)>")
_CLOSING = re.compile(r"</[A-Za-z][A-Za-z0-9_]*>")


def messages(
    prompt: str, carried: str, begun: str, section: str, *, continues: bool
) -> tuple[list[Any], dict[str, Any]]:
    """A chat of the task prompt, what is carried of earlier turns, and what of this turn is written already.

    A server that goes on with an assistant's message is given just that. Any other one gets everything in one message
    of the user, and where a turn is begun already, a word on how to go on. Returns the messages and more of the body.
    """
    if continues and carried + begun:
        chat = [{"role": "user", "content": prompt}, {"role": "assistant", "content": carried + begun}]
        return chat, {"continue_final_message": True, "add_generation_prompt": False}
    text = prompt + carried + begun
    if begun:
        text += f"\n\nGo on exactly where this ends, with the {section} alone."
    return [{"role": "user", "content": text}], {}


def choose_stops(stops: Sequence[str], most: int, prompt: str) -> tuple[str, ...]:
    """At most ``most`` of ``stops``, those that the prompt shows to the policy first."""
    return tuple(sorted(stops, key=lambda stop: stop not in prompt)[:most])


def ended_by(choice: TextChoice | ChatChoice) -> bool:
    """Whether the text ended (by itself or at a stop string); false where it ran out of tokens.

    Raises:
        FilteredError: The server withheld something.
        BadAnswerError: It ended in another way, such as by a call of a tool.
    """
    reason = choice.finish_reason
    if reason == "content_filter":
        raise FilteredError(
            "the server withheld what was written: finish_reason content_filter",
            hint="the episode is not scored; look at its task",
        )
    if reason not in _STOPPED | _FULL:
        raise BadAnswerError(
            f"the completion ended with finish_reason {reason!r}", hint="see engine.extra: no tools, no streaming"
        )
    return reason in _STOPPED


def text_of(choice: TextChoice | ChatChoice) -> str:
    """What was written. Raises ``BadAnswerError`` where that is no text at all."""
    if isinstance(choice, TextChoice):
        return choice.text
    if choice.message.content is None:
        why = f" but a refusal: {choice.message.refusal[:200]}" if choice.message.refusal else ""
        raise BadAnswerError(
            f"the answer holds no text{why}",
            hint="a model that thinks before it writes may use up its tokens: raise memory.budgets",
        )
    return choice.message.content


def restore_stop(
    text: str, choice: TextChoice | ChatChoice, sent: Sequence[str], known: Sequence[str], begun: str = ""
) -> tuple[str, bool]:
    """``text`` with the stop string that the server cut off, and whether the policy ended it by itself.

    Servers cut off the string that they stopped at. Some say which it was, or leave it in. Of those that do not, a
    text is taken to have stopped at the tag that it leaves open: ``<search>Lima`` at ``</search>``; where the last
    tag is a closing one, it ended by itself. Only strings that were ``sent`` are restored; ``known`` are all that
    have a meaning in what is being written, and ``begun`` is what was written of it before.
    """
    if not ended_by(choice):
        return text, False
    named = choice.stop_string
    if named is not None and named in sent:
        return (text if text.endswith(named) else text + named), False
    if any(stop in text for stop in sent):
        return text, False
    if choice.tells_stop:
        return text, True
    names = {stop[2:-1] for stop in (*sent, *known) if _CLOSING.fullmatch(stop)}
    tags = [tag for tag in _TAG.finditer(begun + text) if tag["name"] in names]
    closing = f"</{tags[-1]['name']}>" if tags and not tags[-1]["slash"] else None
    return (text + closing, False) if closing is not None and closing in sent else (text, True)
