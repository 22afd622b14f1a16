"""The policy of the page on servers."""

from wsauth import Identity, Policy, Query, SecurityScheme


async def by_name(credentials) -> Identity | None:
    return Identity(credentials.secret)


policy = Policy([SecurityScheme("name", Query("name"), by_name)])
