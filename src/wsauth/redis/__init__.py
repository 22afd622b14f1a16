"""The log of revocations over a Redis stream, which every process reads and any can write to."""

from wsauth.redis.log import RedisLog

__all__ = ["RedisLog"]
