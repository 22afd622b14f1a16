"""Who may connect: this file is all that the demo needs of wsauth."""

import secrets

from fastapi_demo import people
from shared import tokens
from wsauth import Cookie, FirstMessage, Policy, Query, SecurityScheme, Subprotocol
from wsauth.starlette import SessionCookie, SessionVerifier
from wsauth.verifiers.jwt import JWTVerifier

SESSION_KEY = secrets.token_urlsafe(48)


async def by_token(claims):
    return people.by_id(claims["sub"])


async def by_session(session):
    return people.by_session(session)


jwt = JWTVerifier(
    tokens.KEY,
    algorithms=["HS256"],
    issuer=tokens.ISSUER,
    audience=tokens.AUDIENCE,
    leeway=0,
    load_user=by_token,
)
explicit = [
    SecurityScheme("queryToken", Query("token"), jwt),
    SecurityScheme("bearerSubprotocol", Subprotocol("bearer"), jwt),
]
cookies = [
    SecurityScheme("cookieJWT", Cookie("access_token"), jwt),
    SecurityScheme("session", SessionCookie(), SessionVerifier(SESSION_KEY, load_user=by_session)),
]

policy = Policy([*explicit, *cookies])

# Two more paths, for what a logged-in browser could not show otherwise: its cookies would decide.
tokens_only = Policy(explicit, connections=policy.connections)
first_message = Policy([SecurityScheme("firstMessage", FirstMessage(deadline=5), jwt)], connections=policy.connections)
