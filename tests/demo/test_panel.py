"""The page at /asyncapi/ in a browser, against the demo's own sockets: each auth method, right and wrong."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from demo.browsing import Demo, Visitor
from wsauth import Reason

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSION, COOKIE, QUERY, SUBPROTOCOL, FIRST = (
    "Session cookie",
    "Cookie JWT",
    "Query parameter",
    "Subprotocol",
    "First message",
)
SCHEMES = {
    SESSION: "session",
    COOKIE: "cookieJWT",
    QUERY: "queryToken",
    SUBPROTOCOL: "bearerSubprotocol",
    FIRST: "firstMessage",
}
ORDINARY = "/ws/chat/{slug}/"
ROOMS = {
    ORDINARY: (SESSION, COOKIE, QUERY, SUBPROTOCOL),
    "/ws/tokens/chat/{slug}/": (QUERY, SUBPROTOCOL),
    "/ws/first/chat/{slug}/": (FIRST,),
}
# Whose refusals another path shows: a peer that is refused more than five times in ten seconds reads no more codes.
WELL_KNOWN = {(SESSION, ORDINARY), (QUERY, ORDINARY), (SUBPROTOCOL, ORDINARY)}
POST = """async ([path, form]) => {
  const { csrf } = await (await fetch("/api/me")).json();
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrf };
  return (await fetch(path, { method: "POST", headers, body: JSON.stringify(form) })).json();
}"""


async def token(page: Page, kind: str = "access") -> str:
    """Ask the demo for a token, as its own page does."""
    answer = await page.evaluate(POST, ["/api/token", {"kind": kind}])
    return str(answer["token"])


async def open_panel(page: Page) -> Page:
    """Follow the link from the demo to its documentation."""
    await page.get_by_role("link", name="API", exact=True).click()
    await expect(page.locator("body[data-ready]")).to_be_attached()
    return page


async def open_channel(page: Page, address: str) -> None:
    await page.locator("#navigation a.channel").get_by_text(address, exact=True).click()
    await page.click("#open-console")
    await expect(page.locator("#console-channel")).to_have_text(address)


async def choose(page: Page, method: str, kind: str = "access") -> None:
    """Choose an auth method, and hand it a token of that kind where it takes one."""
    await page.get_by_role("radio", name=method).check()
    if method == SESSION:
        return
    await page.fill("#token", await token(page, kind))
    if method == COOKIE:
        await page.click("#apply-cookie")
        await expect(page.locator("#cookie-says")).to_contain_text("The cookie access_token is set")


async def clear_cookie(page: Page) -> None:
    await page.click("#clear-cookie")
    await expect(page.locator("#cookie-says")).to_contain_text("is removed")


async def received(page: Page, name: str, text: re.Pattern[str]) -> None:
    """Wait for a frame that the page recognises as that message, and finds valid."""
    frame = page.locator("#frames .frame.in", has_text=text)
    await expect(frame.locator(".name")).to_have_text(name)
    await expect(frame.locator(".invalid")).to_have_count(0)


async def connects(page: Page, method: str) -> None:
    """Connect, say something, hear it, and leave."""
    await page.click("#connect")
    await expect(page.locator("#status[data-state=open]")).to_be_visible()
    await received(page, "welcome", re.compile(rf'"scheme": ?"{SCHEMES[method]}"'))
    await expect(page.locator("#validity")).to_have_text("Fits say")
    text = await page.input_value("#payload")
    await page.fill("#payload", text.replace("Hello", f"Hello by {method}"))
    await page.press("#payload", "Control+Enter")
    await received(page, "message", re.compile(f"Hello by {method}"))
    await page.click("#connect")
    await expect(page.locator("#status-text")).to_have_text("Disconnected")
    await page.click("#clear")
    await page.click("#reset")


async def refused(page: Page, reason: Reason) -> None:
    """Connect, and read the code and what it means, and what to do."""
    await page.click("#connect")
    notice = page.locator("#notice")
    await expect(notice.locator(".code")).to_have_text(str(reason.close_code))
    for words in (reason.text, f"What to do: {reason.advice}"):
        await expect(notice).to_contain_text(words, ignore_case=True)
    await expect(page.locator("#status-text")).to_have_text("Refused")


@pytest.mark.parametrize("room", ROOMS)
async def test_each_method_from_the_panel(visit: Visitor, room: str) -> None:
    """As many ways as the policy of the path has schemes: each connects, and what is said comes back.

    Whichever way it travels, a wrong token reads 4401 and an expired one 4440, each with what to do.
    """
    page = await open_panel(await visit("alice"))
    await open_channel(page, room)
    offered = page.locator("#methods strong")
    assert set(await offered.all_inner_texts()) - {"No credentials"} == {*ROOMS[room]}
    for method in ROOMS[room]:
        if (method, room) not in WELL_KNOWN:
            await choose(page, method, "wrong")
            await refused(page, Reason.INVALID)
            await choose(page, method, "expired")
            await refused(page, Reason.EXPIRED)
        await choose(page, method)
        await connects(page, method)
        if method == COOKIE:
            await clear_cookie(page)


async def test_the_panel_knows_who_is_logged_in(visit: Visitor) -> None:
    """Nobody is told so, and refused; after logging in the session cookie is enough, where one is a member."""
    page = await open_panel(await visit())
    await open_channel(page, ORDINARY)
    await choose(page, SESSION)
    await expect(page.locator(".session")).to_contain_text("Not logged in")
    await refused(page, Reason.MISSING)
    await page.evaluate(POST, ["/api/login", {"username": "alice", "password": "alice-demo"}])
    await page.get_by_role("button", name="Look again").click()
    await expect(page.locator(".session")).to_contain_text("Logged in as alice")
    slug = page.get_by_label("{slug}")
    await expect(slug).to_have_value("general")
    await slug.fill("board")
    await refused(page, Reason.FORBIDDEN)
    await slug.fill("general")
    await connects(page, SESSION)


async def test_the_panel_calls_things_by_their_names(visit: Visitor) -> None:
    """The ordinary paths first; messages by the names that are on the wire."""
    page = await open_panel(await visit())
    channels = await page.locator("#navigation .channel").all_inner_texts()
    ordinary = [ORDINARY, "/ws/notifications/", "/ws/dashboard/"]
    assert channels[:3] == ordinary
    assert channels[3:] == [path.replace("/ws/", start) for start in ("/ws/tokens/", "/ws/first/") for path in ordinary]
    operations = await page.locator("#navigation .operations").first.locator("a").all_inner_texts()
    assert {"say", "welcome", "message", "here"} == {text.split()[-1] for text in operations}


async def test_the_panel_keeps_its_own_rules(demo: Demo) -> None:
    """The demo sets headers on every answer, and not over the stricter ones of the panel."""
    connection = http.client.HTTPConnection(urlsplit(demo.url).netloc, timeout=30)
    connection.request("GET", "/asyncapi/")
    headers = connection.getresponse().headers
    connection.close()
    [policy] = headers.get_all("Content-Security-Policy") or []
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert headers.get_all("Referrer-Policy") == ["no-referrer"]
