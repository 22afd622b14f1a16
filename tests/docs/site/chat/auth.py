"""The policy, where the page on Channels puts it."""

from wsauth import Connections, Policy, SecurityScheme
from wsauth.django import DatabaseLog, SessionCookie, SessionVerifier

policy = Policy(
    schemes=[SecurityScheme("session", SessionCookie(), SessionVerifier())], connections=Connections(log=DatabaseLog())
)
