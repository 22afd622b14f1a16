"""One scheme for each place, whose verifiers know nobody."""

from __future__ import annotations

from wsauth import Anonymous, Cookie, FirstMessage, Header, Policy, Query, SecurityScheme, Subprotocol


async def nobody(credentials):
    return None


class JWT:
    bearer_format = "JWT"

    async def verify(self, credentials, handshake):
        return None


QUERY = SecurityScheme("queryToken", Query("token"), nobody)
COOKIE = SecurityScheme("cookieJWT", Cookie("access_token"), nobody)
BEARER = SecurityScheme("bearer", Header(), JWT())
API_KEY = SecurityScheme("apiKey", Header("X-API-Key"), nobody)
SUBPROTOCOL = SecurityScheme("subprotocol", Subprotocol("bearer"), nobody)
FIRST = SecurityScheme("firstMessage", FirstMessage(), nobody)


def policy(*schemes, anonymous=Anonymous.NEVER, **settings):
    return Policy(schemes=schemes, anonymous=anonymous, **settings)
