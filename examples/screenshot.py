"""Take the pictures of the README: `python examples/screenshot.py` writes docs/demo.png and docs/panel.png.

Needs playwright and Chromium.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
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
            for taken in await pictures(address):
                print(f"{taken}: {taken.stat().st_size // 1024} kB")
        finally:
            server.kill()
            await server.wait()


async def printed_address(output: asyncio.StreamReader) -> str:
    async for line in output:
        if found := re.search(rb"http://\S+", line):
            return found[0].decode()
    raise SystemExit("the demo did not start")


async def pictures(address: str) -> list[Path]:
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
        taken = [await of_demo(alice, bob, erin), await of_panel(alice, bob, erin)]
        await browser.close()
        return taken


async def say(page, text):
    await page.fill("#text", text)
    await page.press("#text", "Enter")
    await asyncio.sleep(0.3)


async def of_demo(alice, bob, erin) -> Path:
    await alice.click("#tab-experiments")
    await alice.click("[data-experiment=expired]")
    await alice.wait_for_selector("#experiment-result[data-code]")
    await alice.click("#tab-chat")
    await alice.click(".room:has-text('board')")
    await alice.wait_for_selector("#chat-notice[data-code]")
    await alice.click(".room:has-text('general')")
    await alice.wait_for_selector("#text:enabled")
    await say(bob, "Just did. The page said 4440, refresh, reconnect, and I was back in.")
    await say(erin, "And #board told you 4403, @alice? Members only, sorry.")
    await say(alice, "It did, in plain words. Same policy, five ways in.")
    return await shoot(alice, "demo.png")


TOKEN = """async () => {
  const { csrf } = await (await fetch("/api/me")).json();
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrf };
  return (await (await fetch("/api/token", { method: "POST", headers, body: "{}" })).json()).token;
}"""


async def of_panel(alice, bob, erin) -> Path:
    """The documentation of the same sockets, connected: the token comes from the demo itself."""
    token = await alice.evaluate(TOKEN)
    await alice.click("a:text-is('API')")
    await alice.click("a.channel >> nth=0")
    await alice.click("#open-console")
    await alice.get_by_role("radio", name="Subprotocol").check()
    await alice.fill("#token", token)
    await alice.click("#connect")
    await alice.wait_for_selector("#status[data-state=open]")
    await say(bob, "Who is reading the API?")
    await say(erin, "Not me. I have a dashboard to look at.")
    await alice.fill("#payload", '{\n  "type": "say",\n  "text": "Me, @bob. And I can answer from here."\n}')
    await asyncio.sleep(0.7)
    await alice.click("#send")
    await asyncio.sleep(1.5)
    return await shoot(alice, "panel.png")


async def shoot(page, name) -> Path:
    await page.evaluate("document.activeElement.blur()")
    await page.screenshot(path=DOCS / name)
    return DOCS / name


if __name__ == "__main__":
    asyncio.run(main())
