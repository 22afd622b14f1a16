"""A word to the client before its connection expires, for clients that can renew their credential in time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from wsauth.core.errors import ConfigurationError

logger = logging.getLogger("wsauth")


def as_json(seconds: int) -> str:
    """Return the text that is sent where none is given."""
    return f'{{"type": "wsauth.expiring", "seconds": {seconds}}}'


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """Send a text message at least `before` (seconds) the end of a connection, where that end is known so early.

    `text` makes the message of the whole seconds that remain. Connections that were born together are not warned together:
    each is warned up to a fifth of `before` earlier. Raises ConfigurationError where `text` makes no str of 60.
    """

    before: float
    text: Callable[[int], str] = as_json

    def __post_init__(self) -> None:
        if isinstance(self.before, bool) or not isinstance(self.before, int | float) or not 1 <= self.before <= 86400:
            raise ConfigurationError(f"ExpiryWarning(before={self.before!r}): write seconds, from 1 to 86400")
        if not callable(self.text) or self.message(60) is None:
            raise ConfigurationError(
                'ExpiryWarning(text=...): write a function of the seconds that remain, as text=lambda seconds: "..."'
            )

    def message(self, seconds: int) -> str | None:
        """Return the text to send; None, and a line in the log, where `text` makes none."""
        try:
            text = self.text(seconds)
        except Exception as error:
            logger.error("ExpiryWarning.text raised %s; the client is not warned", type(error).__qualname__)
            return None
        if isinstance(text, str):
            return text
        logger.error("ExpiryWarning.text answered a %s, not a str; the client is not warned", type(text).__name__)
        return None
