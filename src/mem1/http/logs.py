"""Keeps keys out of what the HTTP library logs: at its finest level it shows headers and addresses."""

from __future__ import annotations

import logging

from mem1.http.secret import live_secrets

_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))


class _Redacted(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        for secret in live_secrets():
            text = secret.redact_error(text)
        record.msg, record.args = text, ()
        return True


def redact_logs() -> None:
    """From now on the library's loggers show no key. Calling it again changes nothing."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _Redacted) for one in logger.filters):
            logger.addFilter(_Redacted())
