"""Every place of a credential works on every server."""

from __future__ import annotations

import pytest

from servers.client import PLACES, PLANTED, Handshake, all_of, answer, fresh, presenting, token
from servers.process import Server


async def test_good_credential_in_every_place_is_admitted(server: Server):
    """Wherever the credential travels, the application learns who it belongs to."""
    subjects = {place: fresh(place) for place in PLACES}
    answers = await all_of(
        **{
            place: answer(server, f"/fastapi-first/echo/{subject}", presenting(place, token(subject)))
            for place, subject in subjects.items()
        }
    )
    for place, found in answers.items():
        assert found.admitted, (place, found)
        assert (found.hello["subject"], found.hello["scheme"]) == (subjects[place], place)


@pytest.mark.parametrize("application", ["fastapi", "async", "sync"])
async def test_every_framework_learns_who_connects(server: Server, application: str):
    """FastAPI, async and sync consumers find the identity in `scope["user"]`, with and without a first message."""
    subject, later = fresh("user"), fresh("user")
    found = await answer(server, f"/{application}/echo/{subject}", presenting("query", token(subject)))
    assert found.hello["subject"] == subject
    found = await answer(server, f"/{application}-first/echo/{later}", presenting("first", token(later)))
    assert found.hello["subject"] == later


async def test_bad_credential_in_any_place_is_refused(server: Server):
    """A credential that proves nothing is refused with 4401, wherever it stands, and the application does not run."""
    names = {place: fresh(place) for place in PLACES}
    answers = await all_of(
        **{
            place: answer(server, f"/fastapi-first/echo/{name}", presenting(place, token(name, "bad"), page=True))
            for place, name in names.items()
        }
    )
    for place, found in answers.items():
        assert (found.admitted, found.status, found.code) == (False, 101, 4401), (place, found)
        assert await server.ask(f"visit/{names[place]}") is None


@pytest.mark.parametrize("application", ["fastapi", "async", "sync"])
async def test_subprotocol_answer_never_names_the_token(server: Server, application: str):
    """The server answers the marker, or the application's own subprotocol where that is offered too."""
    name = fresh("user")
    found = await answer(server, f"/{application}/echo/{name}", presenting("protocol", token(name)))
    assert (found.hello["subject"], found.subprotocol) == (name, "bearer")
    for offer in (["chat", "bearer", token(name)], ["bearer", token(name), "chat"]):
        found = await answer(server, f"/{application}/echo/{name}", Handshake(subprotocols=offer))
        assert (found.hello["subject"], found.subprotocol) == (name, "chat")
        assert PLANTED not in found.hello["scope"]


async def test_refusal_by_close_code_names_a_subprotocol_that_was_offered(server: Server):
    """A browser fails a connection whose subprotocol it did not offer, and would not read the code."""
    name = fresh("user")
    found = await answer(server, f"/fastapi/echo/{name}", presenting("protocol", token(name, "bad"), page=True))
    assert (found.code, found.subprotocol) == (4401, "bearer")
    handshake = Handshake(query=f"token={token(name, 'bad')}", subprotocols=["chat"], page=True)
    found = await answer(server, f"/fastapi/echo/{name}", handshake)
    assert (found.code, found.subprotocol) == (4401, "chat")
