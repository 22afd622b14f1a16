"""A credential on its way from the handshake to its verifier. Its secret shows nowhere by accident."""

from __future__ import annotations

from typing import NoReturn


class Credentials:
    """What a client presented to prove who it is (RFC 9110 §11.4).

    Only `secret` reveals it: `repr`, `str` and formatting show a placeholder, and pickling and copying are refused, so it
    cannot slip into logs, tracebacks with locals, task queues or caches. Two credentials are never equal: comparing
    secrets is the verifier's work, in constant time.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @property
    def secret(self) -> str:
        return self._secret

    def __repr__(self) -> str:
        return "Credentials(<hidden>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials are never pickled or copied: they hold a secret")

    def __getstate__(self) -> NoReturn:
        raise TypeError("Credentials are never pickled or copied: they hold a secret")
