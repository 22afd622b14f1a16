"""The demo in a browser: what a visitor does, and what the page tells them. On Channels and on FastAPI."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from demo.browsing import Demo, Visitor, connected, experiment, log_in, refused, say

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def short_lived(browser: Browser, demos: dict[str, Demo]) -> AsyncIterator[dict[str, Page]]:
    """Carol's page with a 30 second token, opened before the other tests so that nobody waits for it."""
    visitors = {name: Visitor(browser, demo) for name, demo in demos.items()}
    pages = {}
    for name, visitor in visitors.items():
        page = pages[name] = await visitor("carol")
        await page.check("[name=transport][value=query]")
        await page.check("[name=lifetime][value='30']", force=True)
    yield pages
    for visitor in visitors.values():
        await visitor.leave()
        assert visitor.complaints == []


async def test_two_members_of_a_room_talk(visit: Visitor) -> None:
    """What one member writes, the other reads; whoever is mentioned is notified, and only they."""
    alice, bob = await visit("alice"), await visit("bob")
    await say(alice, "Is the deploy through, @bob?")
    for page in (alice, bob):
        await expect(page.locator(".message").last).to_contain_text("Is the deploy through, @bob?")
    await expect(bob.locator("#bell-label")).to_have_text("Notifications: 1")
    await expect(alice.locator("#bell-label")).to_have_text("Notifications: none")
    await alice.click("[data-wave=bob]")
    await expect(bob.locator("#bell-label")).to_have_text("Notifications: 2")


async def test_text_of_others_is_never_markup(visit: Visitor) -> None:
    """A message that looks like HTML is shown as it was written."""
    alice = await visit("alice")
    await say(alice, "<img src=x onerror=alert(1)> <b>bold</b>")
    await expect(alice.locator(".message .text").last).to_have_text("<img src=x onerror=alert(1)> <b>bold</b>")
    assert await alice.locator(".message img, .message b").count() == 0


async def test_a_non_member_reads_4403(visit: Visitor) -> None:
    """The room is closed to non-members, and the page reads why."""
    alice = await visit("alice")
    await alice.click(".room:has-text('board')")
    await refused(alice, "chat · #board", 4403, "you may not come in here")
    await expect(alice.locator("#chat-notice")).to_contain_text("4403")
    assert await alice.locator(".message").count() == 0


TRANSPORTS = {
    "session": ("session", "none"),
    "cookie": ("cookieJWT", "none"),
    "query": ("queryToken", "none"),
    "subprotocol": ("bearerSubprotocol", "bearer"),
    "first": ("firstMessage", "none"),
}


async def test_each_transport_connects(visit: Visitor) -> None:
    """The page connects each way, shows what the server decided, and can use what it connected to."""
    alice = await visit("alice")
    for transport, (scheme, subprotocol) in TRANSPORTS.items():
        await alice.check(f"[name=transport][value={transport}]")
        await expect(alice.locator('.card[data-what="chat · #general"] code').first).to_have_text(scheme)
        facts = await connected(alice, "chat · #general")
        assert facts["scheme"] == scheme
        assert facts["subprotocol"] == subprotocol
        assert facts["identity"].startswith("alice")
        assert facts["expires"].startswith("in ")
        await say(alice, f"by {transport}")
        await expect(alice.locator(".message .text").last).to_have_text(f"by {transport}")


async def test_secrets_stay_out_of_url_storage_and_log(visit: Visitor, demo: Demo) -> None:
    """No token is found in the page's address, its storage, its script-readable cookies or the server's log."""
    alice = await visit("alice")
    for transport in ("cookie", "query", "subprotocol", "first"):
        await alice.check(f"[name=transport][value={transport}]")
        await expect(alice.locator('.card[data-what="chat · #general"] code').first).to_have_text(
            TRANSPORTS[transport][0]
        )
    await experiment(alice, "wrong", 4401, "Not authenticated")
    places = "[location.href, document.cookie, document.body.innerText, ...Object.values(localStorage)]"
    assert "eyJ" not in "".join(await alice.evaluate(places))
    assert await alice.evaluate("sessionStorage.length") == 0
    assert "eyJ" not in demo.log.read_text()


@pytest.mark.parametrize("transports", [("query", "first"), ("subprotocol", "cookie")], ids="-".join)
async def test_bad_tokens_are_refused_in_words(visit: Visitor, transports: tuple[str, ...]) -> None:
    """Whichever way it travels, a wrong token reads 4401 and an expired one 4440."""
    alice = await visit("alice")
    for transport in transports:
        await alice.check(f"[name=transport][value={transport}]")
        await experiment(alice, "wrong", 4401, "Not authenticated")
        await experiment(alice, "expired", 4440, "Expired")


async def test_other_refusals_in_words(visit: Visitor) -> None:
    """A missing credential, a refresh token, nonsense, an inactive user, two credentials, silence: each has its words."""
    silent, alice = await visit(), await visit("alice")
    await silent.click("#tab-experiments")
    await silent.click("[data-experiment=silence]")  # answered when its five seconds are over
    await experiment(alice, "missing", 4401, "Not authenticated")
    for name in ("refresh", "garbled", "inactive", "both"):
        await experiment(alice, name, 4401, "Not authenticated")
    await refused(silent, "experiment · Silence", 4408, "waited for the first message")
    facts = await connected(alice, "chat · #general")
    assert facts["scheme"] == "session"


async def test_the_page_works_by_keyboard(visit: Visitor) -> None:
    """Logging in, changing tabs and writing need no pointer, and the focus stays where it was."""
    page = await visit()
    await page.focus("[data-login=alice]")
    await page.keyboard.press("Enter")
    await connected(page, "chat · #general")
    await expect(page.locator("[data-login=alice]")).to_be_focused()
    await page.focus("#tab-chat")
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("#tab-experiments")).to_be_focused()
    await expect(page.locator("#experiments")).to_be_visible()
    await page.keyboard.press("ArrowRight")
    await page.focus("#text")
    await page.keyboard.type("Hands on the keys.")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message .text").last).to_have_text("Hands on the keys.")


async def test_a_visitor_without_a_login_is_refused(visit: Visitor) -> None:
    """Whoever has not logged in is told to."""
    await experiment(await visit(), "missing", 4401, "Not authenticated")


async def test_an_inactive_account_cannot_log_in(visit: Visitor) -> None:
    nobody = await visit()
    await nobody.click("[data-login=dave]")
    await expect(nobody.locator("#login-message")).to_contain_text("inactive")
    await expect(nobody.locator("#whoami")).to_have_text("not logged in")
    assert [text for text in visit.complaints if "401" not in text] == []
    visit.complaints.clear()


async def test_the_dashboard_needs_a_permission(visit: Visitor) -> None:
    """Alice reads 4403 where Erin sees live figures."""
    alice, erin = await visit("alice"), await visit("erin")
    for page in (alice, erin):
        await page.click("#tab-dashboard")
    await refused(alice, "dashboard", 4403, "you may not come in here")
    await connected(erin, "dashboard")
    await expect(erin.locator("#figure-people")).not_to_have_text("0")
    uptime = await erin.locator("#figure-uptime").inner_text()
    await expect(erin.locator("#figure-uptime")).not_to_have_text(uptime)


async def test_logging_out_everywhere_closes_every_tab(visit: Visitor) -> None:
    """Both of bob's browsers read 4410, whichever way they came in, and each page says why. Others stay."""
    here, there, alice = await visit("bob"), await visit("bob"), await visit("alice")
    await there.check("[name=transport][value=subprotocol]")
    await expect(there.locator('.card[data-what="chat · #general"] code').first).to_have_text("bearerSubprotocol")
    await here.click("#logout-everywhere")
    for page in (here, there):
        await refused(page, "chat · #general", 4410, "revoked")
        await refused(page, "notifications", 4410, "revoked")
        await expect(page.locator("#whoami")).to_have_text("not logged in")
    await say(alice, "Still here.")
    await expect(alice.locator(".message .text").last).to_have_text("Still here.")
    await asyncio.sleep(1.1)  # tokens count whole seconds: what is issued in the second of a revocation is revoked
    await log_in(there, "bob")


async def test_a_foreign_origin_is_refused_before_anything_is_read(demo: Demo) -> None:
    """The command that the page shows gets 403."""
    assert handshake(demo, "https://evil.example") == 403
    assert handshake(demo, demo.url.rstrip("/")) == 401


async def test_answers_carry_a_strict_content_security_policy(demo: Demo) -> None:
    connection = http.client.HTTPConnection(urlsplit(demo.url).netloc, timeout=30)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert b"<script>" not in response.read()
    connection.close()


async def test_posts_need_the_csrf_value(demo: Demo) -> None:
    """Another site's page cannot log anybody out, nor have a token minted."""
    for path in ("login", "logout", "logout-everywhere", "token", "token-cookie", "wave"):
        connection = http.client.HTTPConnection(urlsplit(demo.url).netloc, timeout=30)
        connection.request("POST", f"/api/{path}", body="{}", headers={"Content-Type": "application/json"})
        assert connection.getresponse().status == 403, path
        connection.close()


async def test_a_short_token_ends_its_connections(demo: Demo, short_lived: dict[str, Page]) -> None:
    """After 30 seconds the page reads 4440; with a fresh token it is back."""
    page = short_lived[demo.name]
    await expect(page.locator("#chat-notice")).to_contain_text("4440")
    await refused(page, "chat · #general", 4440, "lives no longer than its token")
    await page.click("#chat-notice .again")
    facts = await connected(page, "chat · #general")
    assert facts["expires"].startswith("in ")


def handshake(demo: Demo, origin: str) -> int:
    """Return the status of a handshake without credentials, or 401 where it was accepted only to be closed."""
    headers = {
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    connection = http.client.HTTPConnection(urlsplit(demo.url).netloc, timeout=30)
    connection.request("GET", "/ws/notifications/", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return 401 if status == 101 else status
