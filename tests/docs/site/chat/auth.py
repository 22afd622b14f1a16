"""The policy, where the page on Channels puts it."""

from wsauth import Policy, SecurityScheme
from wsauth.django import SessionCookie, SessionVerifier

policy = Policy(schemes=[SecurityScheme("session", SessionCookie(), SessionVerifier())])
