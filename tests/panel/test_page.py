"""The page in a browser: reading, connecting by every method, sending, watching; and what it must never do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from panel.conftest import Visitor, choose, connected, go, open_channel
from panel.documents import MARKUP
from panel.site import SESSION, token

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def good() -> str:
    """A token of alice, made when it is needed."""
    return token("alice", expires_in=600)


async def received(page: Page, *texts: str) -> None:
    for text in texts:
        await expect(page.locator("#frames .frame", has_text=text).first).to_be_visible()


async def fill(page: Page, secret: str) -> None:
    await page.fill("#token", secret)


async def connect(page: Page) -> None:
    await page.click("#connect")


async def say(page: Page, **message: object) -> None:
    await page.fill("#payload", json.dumps({"action": "say", "text": "hello", **message}))
    await page.click("#send")


async def refused(page: Page, code: int, *words: str) -> None:
    notice = page.locator("#notice")
    await expect(notice.locator(".code")).to_have_text(str(code))
    for word in words:
        await expect(notice).to_contain_text(word)


# Reading


async def test_channel_says_who_sends_what(visit: Visitor) -> None:
    page = await visit("/docs/#channel/chat")
    reading = page.locator("#reading")
    await expect(reading.locator("h1")).to_have_text("/ws/chat/{room}/")
    await expect(page.get_by_role("heading", name="You send")).to_be_visible()
    await expect(page.get_by_role("heading", name="The server sends")).to_be_visible()
    await expect(reading).to_contain_text("You send Say, and the server answers with Said.")
    await expect(reading).to_contain_text("Authorization: Bearer …")
    row = reading.locator("tr", has_text="text").first
    await expect(row).to_contain_text("required")
    await expect(row).to_contain_text("at least 1 characters · at most 500 characters")
    await expect(reading.locator("tr", has_text="reply_to")).to_contain_text("integer or null")
    await expect(reading.locator("pre", has_text="Hello, room!")).to_be_visible()


async def test_overview_warns_of_what_is_not_guarded(visit: Visitor) -> None:
    page = await visit()
    await expect(page.locator(".callout").first).to_contain_text("No policy decides who may connect to /ws/open/")
    await expect(page.locator(".callout").last).to_contain_text("apiKey")
    assert await page.title() == "Rooms"


async def test_link_leads_to_an_operation_and_search_finds_a_field(visit: Visitor) -> None:
    page = await visit("/docs/#channel/chat/said")
    await expect(page.locator(".op.target h3")).to_have_text("Somebody said something")
    await page.keyboard.press("/")
    await page.keyboard.type("mentions")
    await expect(page.locator("#navigation .channel:visible")).to_have_count(3)
    await page.keyboard.type(" general nothing")
    await expect(page.locator("#found")).to_have_text("Nothing found")
    await page.keyboard.press("Escape")
    await page.fill("#search", "administrators")
    await page.keyboard.press("Enter")
    await expect(page.locator("#reading h1")).to_have_text("/ws/admin/")
    assert page.url.endswith("#channel/admin")


async def test_operations_are_called_what_people_call_them(visit: Visitor) -> None:
    """By their title, else by what they say; the key is the last resort, for it is made for programs."""
    page = await visit("/read/")
    titles = {
        "untitled": {"name": "say"},
        "titled": {"name": "said", "title": "Somebody spoke"},
        "third": {"name": "x"},
    }
    channel = {"$ref": "#/channels/ws_chat"}

    def operation(*keys: str, **more: Any) -> dict[str, Any]:
        messages = [{"$ref": f"#/channels/ws_chat/messages/{key}"} for key in keys]
        return {"action": "receive", "channel": channel, "messages": messages, **more}

    operations = {
        "ws_chat_say": (operation("untitled", title="Speak up"), "Speak up"),
        "ws_chat_say_2": (operation("untitled"), "say"),
        "ws_chat_said": (operation("titled"), "Somebody spoke"),
        "talkInRoom": (operation("untitled", "third"), "Talk in room"),
        "ws_chat_receive": (operation(), "Any message"),
        "onConnect": (operation(), "On connect"),
    }
    root = {
        "channels": {"ws_chat": {"address": "/ws/chat/", "messages": titles}},
        "operations": {key: written for key, (written, _) in operations.items()},
    }
    found = await page.evaluate(
        """async (root) => {
          const { readDocument } = await import("/read/document.js");
          return readDocument(root).channels[0].operations.map(({ id, name }) => [id, name]);
        }""",
        root,
    )
    assert dict(found) == {key: name for key, (_, name) in operations.items()}


async def test_codes_and_security_have_addresses_of_their_own(visit: Visitor) -> None:
    page = await visit("/docs/#codes")
    await expect(page.locator("tr", has_text="4440")).to_contain_text("refresh, then reconnect")
    page = await visit("/docs/#security/subprotocol")
    await expect(page.locator("#reading")).to_contain_text('new WebSocket("ws://127.0.0.1')
    await expect(page.locator(".op.target h2")).to_have_text("subprotocol")


async def test_several_documents_have_a_switcher(visit: Visitor) -> None:
    page = await visit("/several/")
    await page.select_option("#specs", "Second")
    await expect(page.locator("#reading h1")).to_have_text("Second")
    assert page.url.endswith("#~Second/")
    await page.go_back()
    await expect(page.locator("#reading h1")).to_have_text("Rooms")


async def test_without_try_it_out_nobody_can_connect(visit: Visitor) -> None:
    page = await visit("/read/#channel/chat")
    await expect(page.locator("#reading")).to_contain_text("Who may connect")
    assert await page.locator("#open-console, #try-tab:visible").count() == 0
    page = await visit("/expanded/")
    await expect(page.locator("#console")).to_be_visible()


# Connecting, by every method


async def test_query_parameter(visit: Visitor, good: str) -> None:
    page = await visit()
    await open_channel(page, "chat")
    await choose(page, "Query parameter ?token=…")
    await fill(page, token.expired("alice"))
    await expect(page.locator("#token-says")).to_contain_text("for alice · expired")
    await connect(page)
    await refused(page, 4440, "Credentials expired", "refresh, then reconnect", "Incident", "the server's log")
    await fill(page, good)
    await connect(page)
    await connected(page)
    await expect(page.locator("#facts")).to_contain_text(re.compile(r"for \d+ s\s+token expires in \d+:\d\d"))
    await page.click("#send")
    await received(page, "Hello, room!", '"name": "alice"')
    await page.click("#connect")
    await expect(page.locator("#status-text")).to_have_text("Disconnected")


async def test_subprotocol(visit: Visitor, good: str) -> None:
    page = await visit()
    await open_channel(page, "chat")
    await choose(page, "Subprotocol bearer")
    await fill(page, "with/slash")
    await connect(page)
    await expect(page.locator("#notice")).to_contain_text("A browser refuses these characters")
    await fill(page, "wrong.wrong.wrong")
    await connect(page)
    await refused(page, 4401, "log in; do not retry")
    await fill(page, good)
    await connect(page)
    await connected(page)
    await expect(page.locator("#facts")).to_contain_text("subprotocol bearer")
    await say(page)
    await received(page, "hello")


async def test_first_message(visit: Visitor, good: str) -> None:
    page = await visit()
    await open_channel(page, "first")
    await fill(page, "wrong")
    await connect(page)
    await refused(page, 4401, "log in; do not retry")
    await fill(page, good)
    await connect(page)
    await connected(page)
    await say(page)
    await received(page, '{"type":"auth","token":"••••••"}', '"name": "alice"')


async def test_session_cookie_says_who_is_logged_in(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "chat")
    await choose(page, "Session cookie sessionid")
    await expect(page.locator(".session")).to_contain_text("Not logged in")
    await connect(page)
    await refused(page, 4401, "Credentials required")
    cookie = {"name": "sessionid", "value": SESSION, "url": visit.site.address, "httpOnly": True}
    await page.context.add_cookies([cookie])  # type: ignore[list-item]
    await page.get_by_role("button", name="Look again").click()
    await expect(page.locator(".session")).to_contain_text("Logged in as alice")
    await connect(page)
    await connected(page)
    await say(page)
    await received(page, '"name": "alice"')


async def test_cookie_is_applied_and_cleared(visit: Visitor, good: str) -> None:
    page = await visit()
    await open_channel(page, "chat")
    await choose(page, "Cookie JWT access_token")
    assert await page.input_value("#cookie-name") == "access_token"
    await fill(page, "not;a;token")
    await page.click("#apply-cookie")
    await expect(page.locator("#cookie-says")).to_contain_text("No cookie can hold these characters")
    await fill(page, good)
    await page.click("#apply-cookie")
    await expect(page.locator("#cookie-says")).to_contain_text("is set")
    [cookie] = await page.context.cookies()
    assert (cookie["name"], cookie["sameSite"], cookie["path"]) == ("access_token", "Strict", "/")
    await connect(page)
    await connected(page)
    await page.click("#connect")
    await page.click("#clear-cookie")
    await expect(page.locator("#cookie-says")).to_contain_text("is removed")
    assert await page.context.cookies() == []
    await connect(page)
    await refused(page, 4401)


async def test_a_cookie_that_scripts_cannot_touch_stands_in_the_way(visit: Visitor, good: str) -> None:
    page = await visit()
    cookie = {"name": "access_token", "value": "old", "url": visit.site.address, "httpOnly": True}
    await page.context.add_cookies([cookie])  # type: ignore[list-item]
    await open_channel(page, "chat")
    await choose(page, "Cookie JWT access_token")
    await fill(page, good)
    await page.click("#apply-cookie")
    await expect(page.locator("#cookie-says")).to_contain_text(
        "An HttpOnly cookie named access_token stands in the way"
    )


async def test_header_gives_a_command_line_without_the_secret(visit: Visitor, good: str) -> None:
    page = await visit()
    await open_channel(page, "chat")
    await choose(page, "Query parameter ?token=…")
    await fill(page, good)
    await choose(page, "Header Authorization")
    command = page.locator("#method-fields pre")
    await expect(command).to_contain_text("""-H 'Authorization: Bearer '"$TOKEN" 'ws://127.0.0.1""")
    assert good not in await command.inner_text()
    await expect(page.locator("#connect")).to_be_disabled()


async def test_without_credentials_and_where_none_are_needed(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "chat")
    await choose(page, "No credentials")
    await connect(page)
    await refused(page, 4401, "Credentials required")
    await open_channel(page, "open")
    await choose(page, "No credentials")
    await connect(page)
    await connected(page)


async def test_a_ticket_is_used_up(visit: Visitor, good: str) -> None:
    page = await visit("/tickets/")
    await open_channel(page, "chat")
    await fill(page, good)
    await connect(page)
    await connected(page)
    await page.click("#connect")
    await expect(page.locator("#token")).to_have_value("")
    await connect(page)
    await expect(page.locator("#notice")).to_contain_text("Paste a ticket first")


async def test_a_document_without_schemes_offers_the_usual_names(visit: Visitor, good: str) -> None:
    page = await visit("/bare/")
    await open_channel(page, "chat")
    await choose(page, "Cookie access_token=…")
    await choose(page, "Query parameter ?token=…")
    await fill(page, good)
    await connect(page)
    await connected(page)


async def test_reading_another_channel_keeps_the_connection(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "open")
    await choose(page, "No credentials")
    await connect(page)
    await connected(page)
    await go(page, "channel/chat")
    await expect(page.locator("#console-elsewhere")).to_contain_text("Still connected here.")
    await expect(page.locator("#console-channel")).to_have_text("/ws/open/")
    await page.get_by_role("button", name="Back to it").click()
    await expect(page.locator("#reading h1")).to_have_text("/ws/open/")
    await go(page, "channel/chat")
    await page.click("#connect")
    await expect(page.locator("#console-channel")).to_have_text("/ws/chat/{room}/")


async def test_a_policy_that_says_no(visit: Visitor, good: str) -> None:
    page = await visit()
    await open_channel(page, "admin")
    await fill(page, good)
    await connect(page)
    await refused(page, 4403, "Forbidden", "What to do: stop")


async def test_a_refused_upgrade_says_what_a_browser_can_know(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "closed")
    await fill(page, "wrong")
    await connect(page)
    await refused(page, 1006, "did not open", "server's log", "Origin", "What a browser can know")


async def test_close_codes_are_explained(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "open")
    await choose(page, "No credentials")
    for code, reason, *words in (
        (1012, "", "The server restarts", "reconnect after a random delay"),
        (4401, "invalid credentials", "Invalid credentials", "log in; do not retry"),
        (4999, "too late [abcd1234]", "Too late", "Incident abcd1234"),
    ):
        await connect(page)
        await connected(page)
        await say(page, action="close", code=code, reason=reason)
        await refused(page, code, *words)


# Sending and watching


async def test_payload_is_checked_while_typing(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "chat")
    validity = page.locator("#validity")
    await expect(validity).to_have_text("Fits Say")
    assert json.loads(await page.input_value("#payload"))["text"] == "Hello, room!"
    await page.fill("#payload", '{"action": "say"}')
    await expect(validity).to_have_text("“text” is missing")
    await page.fill("#payload", '{"action": "say", "text": 5}')
    await expect(validity).to_have_text("text: must be string, is number")
    await page.fill("#payload", "{")
    await expect(validity).to_contain_text("Not JSON")
    await page.select_option("#action", label="Typing (deprecated)")
    assert json.loads(await page.input_value("#payload")) == {"action": "typing"}
    await page.focus("#payload")
    await page.keyboard.press("Control+Enter")
    await expect(validity).to_have_text("Connect first.")


async def test_text_and_bytes_are_sent_as_they_are(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "open")
    await choose(page, "No credentials")
    await connect(page)
    await connected(page)
    await page.get_by_text("Hex", exact=True).click()
    await page.fill("#payload", "de ad b")
    await expect(page.locator("#validity")).to_contain_text("pairs of hexadecimal digits")
    await page.fill("#payload", "de ad be ef")
    await page.focus("#payload")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#frames .frame.in", has_text="de ad be ef")).to_be_visible()
    await page.get_by_text("Text", exact=True).click()
    await page.fill("#payload", "plain words")
    await page.click("#send")
    await received(page, "plain words")


async def test_frames_are_named_checked_filtered_and_shown(visit: Visitor) -> None:
    page = await visit()
    await open_channel(page, "open")
    await choose(page, "No credentials")
    await connect(page)
    await connected(page)
    await say(page)
    await say(page, type="other")
    await expect(page.locator("#frames .frame.in")).to_have_count(2)
    await expect(page.locator("#frames .frame.in .name").first).to_have_text("Said")
    await page.select_option("#filter-direction", "invalid")
    await expect(page.locator("#frames .frame")).to_have_count(1)
    await page.locator("#frames .frame").click()
    await expect(page.locator("#detail-verdict")).to_contain_text("Does not fit Said: type:")
    await expect(page.locator("#detail-text")).to_contain_text('"type": "other",\n')
    await page.click("#raw")
    await expect(page.locator("#detail-text")).to_contain_text('{"type": "other", ')
    await page.select_option("#filter-direction", "in")
    await page.fill("#filter", "hello")
    await expect(page.locator("#frames .frame")).to_have_count(2)
    await page.click("#pause")
    await say(page)
    await expect(page.locator("#frame-count")).to_contain_text("2 since the pause")
    await page.click("#pause")
    await expect(page.locator("#frames .frame")).to_have_count(3)
    await page.click("#clear")
    await expect(page.locator("#no-frames")).to_be_visible()


async def test_ten_thousand_frames_stay_smooth(visit: Visitor) -> None:
    """They are drawn once for each time that the browser paints, and only as many rows as can be seen."""
    page = await visit()
    await open_channel(page, "open")
    await choose(page, "No credentials")
    await connect(page)
    await connected(page)
    await page.evaluate(
        """() => {
          window.painted = window.drawn = window.most = 0;
          const beat = () => { window.painted++; requestAnimationFrame(beat); };
          requestAnimationFrame(beat);
          new MutationObserver((changes) => {
            window.drawn++;
            window.most = Math.max(window.most, changes.reduce((rows, { addedNodes }) => rows + addedNodes.length, 0));
          }).observe(document.getElementById("frame-rows"), { childList: true });
        }"""
    )
    await page.fill("#payload", '{"action": "say", "text": "many", "count": 10000}')
    await page.click("#send")
    await expect(page.locator("#frame-count")).to_contain_text(re.compile(r"100\d\d frames"))
    painted, drawn, most = await page.evaluate("[window.painted, window.drawn, window.most]")
    assert 0 < drawn <= painted + 1
    assert 0 < most < 60
    assert await page.locator("#frames .frame").count() < 60
    await page.evaluate("document.getElementById('frames').scrollTop = 100000")
    await expect(page.locator("#frame-3333")).to_be_attached()
    await say(page, count=3000)
    await expect(page.locator("#frame-count")).to_contain_text("older ones dropped")


# What it must never do


async def test_tokens_stay_in_memory(visit: Visitor, good: str) -> None:
    """Not in the page's address, its storage, the log, the export, a title or any text of the page."""
    page = await visit()
    await open_channel(page, "chat")
    await choose(page, "Query parameter ?token=…")
    await fill(page, good)
    assert await page.get_attribute("#token", "type") == "password"
    await connect(page)
    await connected(page)
    await say(page, text=f"echo {good}")
    await expect(page.locator("#frames .frame.in")).to_have_count(1)
    async with page.expect_download() as download:
        await page.click("#export")
    exported = Path(await (await download.value).path()).read_text("utf-8")
    assert "echo ••••••" in exported
    assert "?token=••••••" in exported
    await page.fill("#payload", "")
    everywhere = await page.evaluate(
        "[location.href, document.title, JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}),"
        " document.cookie, document.documentElement.outerHTML, JSON.stringify(history.state),"
        " JSON.stringify(performance.getEntriesByType('resource').map((entry) => entry.name))].join()"
    )
    assert good not in everywhere + exported
    assert await page.evaluate("indexedDB.databases().then((found) => found.length)") == 0


async def test_markup_in_a_document_is_text(visit: Visitor) -> None:
    page = await visit("/hostile/")
    for view in ("", "channel/chat", "channel/open", "security", "codes"):
        await go(page, view)
        await expect(page.locator("#reading h1")).to_be_visible()
        assert await page.locator("#reading img, #reading script, #navigation img").count() == 0
    await open_channel(page, "chat")
    await expect(page.locator("#reading")).to_contain_text(MARKUP)
    assert await page.locator("#console img, #console script").count() == 0
    assert await page.evaluate("window.hit") is None


async def test_a_document_cannot_move_the_connection(visit: Visitor) -> None:
    page = await visit("/moving/")
    asked: list[str] = []
    page.on("websocket", lambda socket: asked.append(socket.url))
    await open_channel(page, "chat")
    await choose(page, "No credentials")
    await connect(page)
    await refused(page, 1006)
    assert [url.split("/")[2] for url in asked] == [visit.site.address.split("/")[2]]
    await go(page, "security")
    command = await page.locator("pre", has_text="websocat").inner_text()
    assert "'X'\\''; touch /tmp/hit; '\\''$(id): '\"$TOKEN\"" in command


async def test_nothing_but_the_page_itself_is_asked_for(visit: Visitor) -> None:
    page = await visit("/read/")
    asked: list[str] = []

    async def look(route: Route) -> None:
        asked.append(route.request.url)
        await route.continue_()

    await page.route("**", look)
    await page.reload()
    await expect(page.locator("body[data-ready]")).to_be_attached()
    assert len(asked) > 5
    assert all(url.startswith(f"{visit.site.address}/read/") for url in asked)


# Everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(visit: Visitor, axe: str, scheme: str, good: str) -> None:
    page = await visit(color_scheme=scheme, bypass_csp=True)
    found: list[str] = []

    async def look(where: str) -> None:
        await page.evaluate(axe)
        result = await page.evaluate("axe.run({resultTypes: ['violations']})")
        found.extend(
            f"{where}: {rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for rule in result["violations"]
            for node in rule["nodes"][:3]
        )

    await look("overview")
    for view in ("security", "codes", "channel/chat/say"):
        await go(page, view)
        await look(view)
    await open_channel(page, "chat")
    await choose(page, "Cookie JWT")
    await look("cookie")
    await choose(page, "Query parameter ?token=…")
    await fill(page, "wrong")
    await connect(page)
    await refused(page, 4401)
    await look("refused")
    await fill(page, good)
    await connect(page)
    await connected(page)
    await say(page)
    await say(page, type="other")
    await page.locator("#frames .frame.in").last.click()
    await look("connected")
    await page.set_viewport_size({"width": 390, "height": 844})
    await look("phone")
    assert not found, "\n".join(found)


async def test_keyboard_alone_connects_and_sends(visit: Visitor, good: str) -> None:
    page = await visit("/docs/#channel/chat")

    async def tab_to(selector: str) -> None:
        for _ in range(80):
            if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            await page.keyboard.press("Tab")
        pytest.fail(f"{selector} cannot be reached with Tab")

    await tab_to("#open-console")
    await page.keyboard.press("Enter")
    await tab_to("[name=method]")
    while not await page.evaluate("document.activeElement.closest('label').innerText.includes('?token')"):
        await page.keyboard.press("ArrowDown")
    await tab_to("#token")
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await refused(page, 4401)
    await expect(page.locator("#token")).to_be_focused()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(good)
    await page.keyboard.press("Enter")
    await connected(page)
    await expect(page.locator("#payload")).to_be_focused()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#frames .frame.in .name")).to_have_text("Said")  # else the last frame is still our own
    await tab_to("#frames")
    await page.keyboard.press("End")
    await expect(page.locator("#detail-verdict")).to_have_text("Fits Said")
