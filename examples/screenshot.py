"""Take the picture of the README: `python examples/screenshot.py` writes docs/demo.png. Needs playwright and Chromium."""

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "demo.png"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]


async def main() -> None:
    with tempfile.TemporaryDirectory() as data:
        server = await asyncio.create_subprocess_exec(
            sys.executable,
            HERE / "channels_demo" / "run.py",
            *("--port", "0", "--data", data),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            address = await printed_address(server.stdout)
            await asyncio.sleep(2)
            await picture(address)
        finally:
            server.kill()
            await server.wait()
    print(f"{PICTURE}: {PICTURE.stat().st_size // 1024} kB")


async def printed_address(output: asyncio.StreamReader) -> str:
    async for line in output:
        if found := re.search(rb"http://\S+", line):
            return found[0].decode()
    raise SystemExit("the demo did not start")


async def picture(address: str) -> None:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        executable = shutil.which("chromium") or "/usr/bin/chromium"
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)

        async def visit(name, transport="session"):
            context = await browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
            page = await context.new_page()
            await page.goto(address)
            await page.check(f"[value={transport}]")
            await page.click(f"[data-login={name}]")
            await page.wait_for_selector("#text:enabled")
            return page

        bob, erin, alice = await visit("bob"), await visit("erin"), await visit("alice", "subprotocol")
        await alice.click("#tab-experiments")
        await alice.click("[data-experiment=expired]")
        await alice.wait_for_selector("#experiment-result[data-code]")
        await alice.click("#tab-chat")
        await alice.click(".room:has-text('board')")
        await alice.wait_for_selector("#chat-notice[data-code]")
        await alice.click(".room:has-text('general')")
        await alice.wait_for_selector("#text:enabled")
        for page, text in (
            (bob, "Just did. The page said 4440, refresh, reconnect, and I was back in."),
            (erin, "And #board told you 4403, @alice? Members only, sorry."),
            (alice, "It did, in plain words. Same policy, five ways in."),
        ):
            await page.fill("#text", text)
            await page.press("#text", "Enter")
            await asyncio.sleep(0.3)
        await alice.evaluate("document.activeElement.blur()")
        await alice.screenshot(path=PICTURE)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
