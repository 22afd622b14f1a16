"""What a visitor of the demo does and sees."""

from __future__ import annotations

import itertools
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from chromium import PATIENCE
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

_addresses = itertools.count(1)


@dataclass
class Demo:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def answers(self, url: str) -> bool:
        try:
            with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - the address is our own
                return bool(response.status == 200)
        except URLError:
            return False


@dataclass
class Visitor:
    """Opens pages, each in a browser profile of its own. `complaints` is what their consoles said."""

    browser: Browser
    demo: Demo
    complaints: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def __call__(self, name: str = "") -> Page:
        # A peer that is refused more than five times in ten seconds reads no more codes: each profile is its own peer.
        peer = f"10.0.0.{next(_addresses)}"
        context = await self.browser.new_context(extra_http_headers={"X-Forwarded-For": peer})
        self._contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.demo.url)
        if name:
            await log_in(page, name)
        return page

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def leave(self) -> None:
        for context in self._contexts:
            await context.close()


async def log_in(page: Page, name: str) -> None:
    await page.click(f"[data-login={name}]")
    await connected(page, "chat · #general")


async def connected(page: Page, what: str) -> dict[str, str]:
    """Wait until a connection is open; return what the page says of it."""
    card = page.locator(f'.card[data-what="{what}"]').first
    await expect(card).to_have_attribute("data-state", "open")
    names = await card.locator("dt").all_inner_texts()
    values = await card.locator("dd").all_inner_texts()
    return dict(zip(names, values, strict=True))


async def refused(page: Page, what: str, code: int, words: str) -> None:
    """Wait until the page shows the code it received for a connection, and says it in plain words."""
    card = page.locator(f'.card[data-what="{what}"]').first
    await expect(card.locator(".state")).to_have_text(str(code))
    await expect(card.locator(".words")).to_contain_text(words)


async def experiment(page: Page, name: str, code: int, words: str) -> None:
    await page.click("#tab-experiments")
    await page.click(f"[data-experiment={name}]")
    await expect(page.locator("#experiment-result")).to_have_attribute("data-code", str(code))
    await expect(page.locator("#experiment-result .words")).to_contain_text(words)


async def say(page: Page, text: str) -> None:
    await page.fill("#text", text)
    await page.press("#text", "Enter")
