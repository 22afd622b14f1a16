"""The site in a thread, a browser to look at it with, and axe-core to look with other eyes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from chromium import PATIENCE, launched
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from referee import official

from panel.site import Site

_peers = itertools.count(1)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@dataclass
class Visitor:
    """Opens pages, each in a browser profile and behind an address of its own. `complaints` is what they said."""

    browser: Browser
    site: Site
    complaints: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def __call__(self, path: str = "/docs/", **context: Any) -> Page:
        peer = f"10.1.0.{next(_peers)}"  # wsauth stops telling reasons to a peer that is refused too often
        opened = await self.browser.new_context(
            extra_http_headers={"X-Forwarded-For": peer}, viewport={"width": 1280, "height": 900}, **context
        )
        self._contexts.append(opened)
        page = await opened.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.site.address + path)
        await expect(page.locator("body[data-ready]")).to_be_attached()
        return page

    def _listen(self, message: ConsoleMessage) -> None:
        expected = "WebSocket connection to" in message.text or "/whoami" in message.location.get("url", "")
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(message.text)

    async def leave(self) -> None:
        for context in self._contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, site: Site) -> AsyncIterator[Visitor]:
    """A console error, and so every violation of the content security policy, fails the test."""
    visitor = Visitor(browser, site)
    yield visitor
    await visitor.leave()
    assert visitor.complaints == []


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core, at the version of the referees' lock file."""
    official.install()
    return (official.HERE / "node_modules/axe-core/axe.min.js").read_text("utf-8")


async def connected(page: Page) -> None:
    await expect(page.locator("#status[data-state=open]")).to_be_visible()


async def choose(page: Page, method: str) -> None:
    await page.get_by_role("radio", name=method).check()


async def go(page: Page, view: str) -> None:
    """Follow a link within the document, and return when the page has drawn what it leads to."""
    await page.evaluate(
        """view => new Promise((drawn) => {
          if (location.hash.slice(1) === view) return drawn();
          addEventListener("hashchange", () => drawn(), { once: true }); // called after the page's own
          location.hash = view;
        })""",
        view,
    )


async def open_channel(page: Page, channel: str) -> None:
    await go(page, f"channel/{channel}")
    await page.click("#open-console")
