"""A credential in the first text message after the opening handshake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from wsauth.core import strict_json
from wsauth.core.errors import ConfigurationError
from wsauth.core.location import MAX_SECRET, credentials, malformed

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wsauth.core.credentials import Credentials
    from wsauth.core.handshake import Handshake


@dataclass(frozen=True, slots=True)
class FirstMessage:
    """The first text message: `{"type": "auth", "token": "…"}`.

    The server must accept before it can read one, so wsauth plays the server meanwhile and the application does not
    run yet. `deadline` (seconds) is absolute: pings, fragments and other messages do not extend it. `max_size` is in bytes
    and is checked before parsing.
    """

    type: str = "auth"
    field: str = "token"
    deadline: float = 10.0
    max_size: int = MAX_SECRET + 256
    ambient: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in ("type", "field"):
            if not isinstance(value := getattr(self, name), str) or not value.strip():
                raise ConfigurationError(f"FirstMessage({name}={value!r}): write a text, or leave it out")
        if self.field == "type":
            raise ConfigurationError('FirstMessage(field="type"): that member holds the type; write field="token"')
        if (
            isinstance(self.deadline, bool)
            or not isinstance(self.deadline, int | float)
            or not 0 < self.deadline <= 120
        ):
            raise ConfigurationError(f"FirstMessage(deadline={self.deadline!r}): write seconds, above 0 and up to 120")
        if not isinstance(self.max_size, int) or self.max_size < 64:
            raise ConfigurationError(f"FirstMessage(max_size={self.max_size!r}): write a number of bytes, at least 64")

    def read(self, handshake: Handshake) -> Credentials | None:
        """Return None: no handshake holds it. See `parse`."""
        return None

    def strip(self, scope: MutableMapping[str, Any]) -> None:
        """There is nothing to take out of a handshake."""

    def parse(self, text: str | None) -> Credentials:
        """Read the credential from the message; `text` is None for a binary one. Raise InvalidCredentials if irregular."""
        if text is None:
            raise malformed("the first message is binary")
        # Characters first: a text of that many is too long whatever they are, and encoding it would cost.
        if len(text) > self.max_size or len(text.encode("utf-8", "surrogatepass")) > self.max_size:
            raise malformed(f"the first message is longer than {self.max_size} bytes")
        try:
            message = strict_json.loads(text)
        except ValueError as error:
            raise malformed(f"the first message is irregular: {error}") from None
        if not isinstance(message, dict) or message.get("type") != self.type:
            raise malformed(f"the first message is not of type {self.type!r}")
        secret = message.get(self.field)
        if not isinstance(secret, str):
            raise malformed(f"the first message has no text in {self.field!r}")
        return credentials(secret, "the first message")
