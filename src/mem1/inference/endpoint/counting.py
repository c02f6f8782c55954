"""Does the server read the whole context? Some (Ollama by its default) cut it and answer as if nothing had happened."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)
_LEAST = 100  # tokens: less says nothing, templates and counting differ
_HALF = 0.5  # of the local count, below which no tokenizer falls
_DROP = 0.6  # of the highest ratio that this server has shown


class ContextWatch:
    """Compares the server's count of prompt tokens with the local one.

    The ratio belongs to the two tokenizers and stays about the same; where it drops, the server did not read all of it
    (or counts only what its cache did not hold).
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._best = 0.0
        self._said = False

    def cut(self, sent: int, counted: int) -> bool:
        """Whether a prompt of ``sent`` tokens was cut, where the server counted ``counted``. Says so once."""
        if sent < _LEAST:
            return False
        ratio = counted / sent
        self._best = max(self._best, min(1.0, ratio))
        if ratio >= max(_HALF, _DROP * self._best):
            return False
        if not self._said:
            self._said = True
            _log.warning(
                "%s counted %d tokens in a prompt of about %d: it may cut contexts without a word. Raise the context "
                "that the server is run with (such as num_ctx), or lower engine.max_context. Such calls are counted in "
                "usage.cut_prompts of the episodes.",
                self._server,
                counted,
                sent,
            )
        return True
