"""Where Redis is and how to log in there, as an address says it. What is no address of a single Redis is refused here."""

from __future__ import annotations

import re
import ssl
from typing import Any

import redis.asyncio.connection as on_loops
import redis.connection as in_threads
from redis.exceptions import RedisError

from wsauth.core.errors import ConfigurationError

Command = tuple[str | bytes | int | float, ...]

CONNECT = 5.0  # seconds for making a connection: the name, TCP, TLS and the log-in
NEAR = 1.0  # seconds of these where Redis is near and somebody waits
FAR = 0.5  # seconds: what is farther away is treated like this
SENTINEL_PORT = 26379

_EXAMPLES = "write redis://host:6379/0, rediss://user:password@host:6379/0 or unix:///run/redis.sock"
_SINGLE = "RedisLog needs the address of a single primary: write redis://host:6379/0, with the host that %s"
_CLUSTER = re.compile(r"(rediss?|valkeys?)[+-]cluster://|.*[?&](startup_nodes|cluster)=", re.IGNORECASE | re.DOTALL)
_SENTINEL = re.compile(
    r"(rediss?|valkeys?)[+-]sentinel://|sentinels?://|.*[?&](sentinels?|sentinel_master|master_name|service_name)=",
    re.IGNORECASE | re.DOTALL,
)
_SEVERAL = re.compile(r"\w+://([^/?#]*@)?[^/?#@]*,")
_OURS: dict[str, Any] = {
    "decode_responses": False,  # an entry that is no UTF-8 must not end a reader
    "protocol": 2,
    "retry_on_timeout": False,
    "retry_on_error": [],
    "health_check_interval": 0,
}


class Address:
    """Where Redis is and how to log in there. Shows neither user nor password.

    `tls` is made once, from the `ssl_...` options of redis-py. `distance` is the round trip (seconds) of the fastest answer
    on the newest connection, whoever has asked. Raises ConfigurationError where there can be no log.
    """

    __slots__ = (
        "_options",
        "_password",
        "_user",
        "db",
        "distance",
        "host",
        "name",
        "path",
        "port",
        "tls",
    )

    def __init__(self, url: str) -> None:
        _refuse_others(url)
        try:
            options = dict(in_threads.parse_url(url))  # type: ignore[no-untyped-call]
            self.tls = _tls(dict(on_loops.parse_url(url)))
            self.path = str(options.pop("path", ""))
            self.host, self.port = str(options.pop("host", "localhost")), int(options.pop("port", 6379))
            self.db, self.name = int(options.pop("db", 0)), str(options.pop("client_name", ""))
            self._user, self._password = options.pop("username", None), options.pop("password", None)
            shared = {
                name: value for name, value in options.items() if not name.startswith(("ssl_", "connection_class"))
            }
            shared |= {"host": self.path or self.host, "port": self.port}  # for the texts of its errors
            self._options = shared | _OURS
            self.for_threads()
            self.for_loops()
        except (AttributeError, TypeError, ValueError, RedisError):
            raise ConfigurationError(f"RedisLog(url=...) is no address of Redis; {_EXAMPLES}") from None
        self.distance = 0.0

    def __repr__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.path or f'{host}:{self.port}'}/{self.db}"

    def beside(self, host: str, port: int | str) -> str:
        """The same address on another host, as it is to be written, but for user and password."""
        host = f"[{host}]" if ":" in host else host or self.host
        return f"{'rediss' if self.tls else 'redis'}://{host}:{port}/{self.db}"

    @property
    def connecting(self) -> float:
        """Seconds to make a connection while somebody waits: TCP, TLS and the log-in take up to five round trips."""
        return min(CONNECT, NEAR + 8 * self.distance)

    def within(self, seconds: float) -> float:
        """So many seconds, and what the way there and back takes: a long answer takes several round trips."""
        return seconds + 3 * min(self.distance, FAR)

    def log_in(self) -> tuple[Command, ...]:
        """What is sent first on a connection, in one go. redis-py would add CLIENT SETINFO, and wait for each answer."""
        commands: list[Command] = []
        if self._user or self._password:
            commands.append(("AUTH", self._user, self._password or "") if self._user else ("AUTH", self._password))
        if self.name:
            commands.append(("CLIENT", "SETNAME", self.name))
        if self.db:
            commands.append(("SELECT", self.db))
        return tuple(commands)

    def for_threads(self) -> Any:  # redis-py leaves these untyped
        """What speaks the protocol in a thread, once it is given a socket."""
        return in_threads.Connection(**self._options)  # type: ignore[no-untyped-call]

    def for_loops(self) -> on_loops.Connection:
        options = self._options | {"socket_timeout": None, "socket_connect_timeout": None}
        return on_loops.Connection(**options)


def _tls(options: dict[str, Any]) -> ssl.SSLContext | None:
    if options.pop("connection_class", None) is not on_loops.SSLConnection:
        return None
    try:
        tls = on_loops.SSLConnection(**options).ssl_context.get()
        if tls.verify_mode is not ssl.CERT_NONE and "ssl_check_hostname" not in options:
            tls.check_hostname = True  # redis-py 5 leaves it out, and so takes anybody's certificate
        return tls
    except (OSError, ssl.SSLError) as error:  # the text of neither holds more than the name of a file
        raise ConfigurationError(
            f"RedisLog(url=...): TLS cannot be set up ({type(error).__name__}: {error.strerror or 'unreadable'}); look at"
            " the files that ssl_ca_certs=, ssl_certfile= and ssl_keyfile= name"
        ) from None


def _refuse_others(url: object) -> None:
    """Raise ConfigurationError for addresses of what is not a single Redis, as other libraries write them."""
    if not isinstance(url, str):
        raise ConfigurationError(f"RedisLog(url=...) is a {type(url).__name__}, no address of Redis; {_EXAMPLES}")
    if _SENTINEL.match(url):
        raise ConfigurationError(
            "RedisLog(url=...) is the address of Sentinels, which hold no data. "
            + _SINGLE % "`redis-cli -p 26379 SENTINEL masters` names, or a name that always leads there"
        )
    if _CLUSTER.match(url) or _SEVERAL.match(url):
        raise ConfigurationError(
            "RedisLog(url=...) is the address of a cluster or of several hosts, which RedisLog does not follow. "
            + _SINGLE % "is no part of a cluster"
        )
