"""Who may connect: this file is all that the demo needs of wsauth."""

from shared import tokens
from wsauth import Cookie, FirstMessage, Policy, Query, SecurityScheme, Subprotocol
from wsauth.django import SessionCookie, SessionVerifier, UserVerifier
from wsauth.verifiers.jwt import JWTVerifier

jwt = UserVerifier(
    JWTVerifier(tokens.KEY, algorithms=["HS256"], issuer=tokens.ISSUER, audience=tokens.AUDIENCE, leeway=0)
)
explicit = [
    SecurityScheme("queryToken", Query("token"), jwt),
    SecurityScheme("bearerSubprotocol", Subprotocol("bearer"), jwt),
]
cookies = [
    SecurityScheme("cookieJWT", Cookie("access_token"), jwt),
    SecurityScheme("session", SessionCookie(), SessionVerifier()),
]

policy = Policy([*explicit, *cookies])

# Two more paths, for what a logged-in browser could not show otherwise: its cookies would decide.
tokens_only = Policy(explicit, connections=policy.connections)
first_message = Policy([SecurityScheme("firstMessage", FirstMessage(deadline=5), jwt)], connections=policy.connections)
