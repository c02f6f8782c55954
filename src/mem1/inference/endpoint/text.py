"""Text to a server and back: what is sent, and which stop string a server cut off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mem1.http.errors import BadAnswerError
from mem1.inference.endpoint.answers import ChatChoice, TextChoice
from mem1.inference.endpoint.errors import FilteredError
from mem1.inference.endpoint.finish import Finish, finish_of

_TAG = re.compile(r"<(?P<slash>/?)(?P<name>[A-Za-z][A-Za-z0-9_]*)>")
_TOKEN, _SPARE = 64, 4096  # characters
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

    Where the server does not say, a text that is there is taken to have ended.

    Raises:
        FilteredError: The server withheld something.
        BadAnswerError: It ended in another way, such as by a call of a tool.
    """
    reason, finish = choice.finish_reason, finish_of(choice.finish_reason)
    if finish is Finish.FILTERED:
        raise FilteredError(
            f"the server withheld what was written: finish_reason {reason}",
            hint="the episode is not scored; look at its task",
        )
    called = not isinstance(choice, ChatChoice) or bool(choice.message.tool_calls) or not choice.message.content
    if finish is Finish.FAILED or (finish is Finish.TOOLS and called):
        raise BadAnswerError(
            f"the completion ended with finish_reason {str(reason)[:80]!r}",
            hint="see engine.extra: no tools, no streaming",
        )
    return finish is not Finish.FULL


def text_of(choice: TextChoice | ChatChoice) -> str:
    """What was written; nothing where all tokens went into thoughts. Raises ``BadAnswerError`` where there is none."""
    if isinstance(choice, TextChoice):
        return choice.text
    if choice.message.content is not None:
        return choice.message.content
    if not choice.message.refusal and finish_of(choice.finish_reason) is Finish.FULL:
        return ""
    why = f" but a refusal: {str(choice.message.refusal)[:200]}" if choice.message.refusal else ""
    raise BadAnswerError(
        f"the answer holds no text{why}",
        hint="a model that thinks before it writes may use up its tokens: raise memory.budgets",
    )


def at_most(text: str, tokens: int) -> str:
    """The beginning of ``text`` that surely holds so many tokens: a server may send any amount beyond."""
    return text[: tokens * _TOKEN + _SPARE]


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
