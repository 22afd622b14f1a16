"""Every code block of README and docs is executed, and every table that restates the code is compared with it."""

import dataclasses
import json
import os
import re
import secrets
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

import wsauth
from wsauth import Reason, SecurityScheme
from wsauth.asyncapi import extensions
from wsauth.asyncapi.security import security_scheme
from wsauth.django.spectacular import SpectacularSettings
from wsauth.panel import Page
from wsauth.starlette import SessionCookie
from wsauth.testing import TokenFactory
from wsauth.verifiers.jwt import JWTVerifier

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "site"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNNABLE = {"python", "console", "js", "json"}


def blocks(page, language):
    return [match[2] for match in BLOCK.finditer(page.read_text()) if match[1] == language]


def pages_with(language):
    return [pytest.param(page, id=page.name) for page in PAGES if blocks(page, language)]


def in_python(program):
    run("-c", program)


def run(*arguments, cwd=None):
    """Run Python in the environment of the documentation's examples; whatever goes wrong fails."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(SITE),
        "DJANGO_SETTINGS_MODULE": "settings",
        "JWT_KEY": "the key of the documentation's examples",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "REVOCATION_KEY": "the key that signs revocations in the documentation's examples",
        "SESSION_KEY": "the session key of the documentation's examples",
    }
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{arguments}\n{done.stderr}"


def test_the_first_example_protects_an_application(monkeypatch):
    """What a reader copies first greets who has a token, and refuses everyone else."""
    key = "a key that is long enough for HS256 tokens"
    monkeypatch.setenv("JWT_KEY", key)
    monkeypatch.setenv("SESSION_KEY", key)
    program = {}
    exec(blocks(ROOT / "README.md", "python")[0], program)  # noqa: S102 - the README is ours
    client = TestClient(program["app"])
    page = {"origin": "https://app.example.com"}
    with client.websocket_connect("/chat?token=" + TokenFactory(key)("alice"), headers=page) as socket:
        assert socket.receive_text() == "Hello, alice"
    with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/chat"):
        pass
    assert refused.value.status_code == 401
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect("/chat", headers={"origin": "https://evil.example"}),
    ):
        pass
    assert refused.value.status_code == 403


def test_every_block_says_its_language():
    """A block in a language that no test here executes would be documentation that can rot."""
    for page in PAGES:
        assert {match[1] for match in BLOCK.finditer(page.read_text())} <= RUNNABLE, page.name


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_blocks_run_in_the_order_of_their_page(page):
    """Each page is one program, with a Django project beside it; its async tests are run at the end."""
    in_python(f"{program_of(page)}\n{TESTS}")


ASGI = [page for page in PAGES if any("get_asgi_application()" in block for block in blocks(page, "python"))]


@pytest.mark.parametrize("page", ASGI, ids=lambda page: page.name)
def test_an_asgi_module_can_be_imported_as_it_stands(page):
    """A server imports `asgi.py` before anything has set Django up, and routing imports models."""
    (block,) = (block for block in blocks(page, "python") if "get_asgi_application()" in block)
    in_python(f"import os; del os.environ['DJANGO_SETTINGS_MODULE']\n{block}\nassert callable(application)")


def program_of(page):
    return "\n".join(["import asyncio, django", "django.setup()", *blocks(page, "python")])


TESTS = "for name, test in list(globals().items()):\n    if name.startswith('test_'):\n        asyncio.run(test())"


@pytest.mark.parametrize("page", pages_with("console"))
def test_commands_exist(page, tmp_path):
    """`make` targets are known to make, extras to the package; other commands are run, in order, in one directory."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for line in "".join(blocks(page, "console")).splitlines():
        if not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ")
        if command.startswith("make "):
            target = command.split()[1]
            subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)
        elif match := re.fullmatch(r'pip install "wsauth\[(.+)\]"', command):
            assert set(match[1].split(",")) <= set(extras), command
        elif command.startswith("python manage.py "):
            run("-m", "django", *command.split()[2:], cwd=tmp_path)
        elif command.startswith("wsauth "):
            run("-m", *command.split(), cwd=tmp_path)
        else:
            pytest.fail(f"no test knows how to try {command!r}")


@pytest.mark.parametrize("page", pages_with("json"))
def test_json_blocks_parse(page):
    """An example document is at least a document."""
    for block in blocks(page, "json"):
        json.loads(block)


def test_the_problem_document_is_what_a_client_gets():
    """The example on the page of refusals has the members of a real answer, with the real texts."""
    (example,) = (json.loads(block) for block in blocks(ROOT / "docs" / "refusals.md", "json"))
    reason = Reason[example["reason"].upper()]
    assert (example["title"], example["status"], example["advice"]) == (reason.text, reason.status, reason.advice)


def test_the_table_of_reasons_is_the_one_in_the_code():
    """Reason is the only table; the page repeats it."""
    rows = [
        f"| {reason.name.lower()} | {reason.status} |"
        f" {'never accepted' if reason is Reason.FOREIGN_ORIGIN else reason.close_code} | {reason.advice} |"
        for reason in Reason
    ]
    assert "\n".join(rows) in (ROOT / "docs" / "refusals.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_images_lead_to_files(page):
    """Those within the project."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).is_file()] == []


def test_what_the_page_of_asyncapi_routes_is_served():
    """First by the two lines for FastAPI and for Django, then as the rest of the page has changed it."""
    page = ROOT / "docs" / "asyncapi.md"
    first, rest = blocks(page, "python")[:2], blocks(page, "python")[2:]
    in_python("\n".join(["import django", "django.setup()", *first, SERVED_FIRST, *rest, SERVED_THEN]))


SERVED_FIRST = """
from django.test import Client, override_settings
from starlette.testclient import TestClient

override_settings(ROOT_URLCONF="__main__").enable()
assert TestClient(app).get("/asyncapi/").status_code == Client().get("/asyncapi/").status_code == 200
assert list(Client().get("/asyncapi.json").json()["channels"]) == ["chat"]
"""

SERVED_THEN = """
override_settings(ROOT_URLCONF="__main__").enable()  # which forgets the first urlpatterns
assert Client().get("/asyncapi/").status_code == 404  # not for the anonymous user
written = TestClient(app).get("/asyncapi/asyncapi.json").json()
assert [operation["action"] for operation in written["operations"].values()] == ["receive", "send"]
"""


def rows(page, heading):
    """Return the cells of the table that begins with a heading."""
    table = (ROOT / "docs" / page).read_text().split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def test_the_table_of_extensions_is_the_one_in_the_code():
    """Every name that wsauth writes, and no other; nor is another one mentioned anywhere on the page."""
    names = {value for name, value in vars(extensions).items() if name.isupper()}
    assert sorted(cells[0].strip("`") for cells in rows("asyncapi.md", "extension")) == sorted(names)
    assert set(re.findall(r"x-wsauth-[a-z-]*[a-z]", (ROOT / "docs" / "asyncapi.md").read_text())) == names


def test_the_table_of_places_is_what_is_written():
    """Each location of the table has at least the members that the page shows."""
    table = rows("asyncapi.md", "place")
    assert len(table) == 7
    names = {**{name: getattr(wsauth, name) for name in wsauth.__all__}, "SessionCookie": SessionCookie}
    for place, written, *_ in table:
        location = eval(place.strip("`"), names)  # noqa: S307 - ours
        found = security_scheme(SecurityScheme("x", location, JWTVerifier(secrets.token_hex(32), algorithms=["HS256"])))
        assert json.loads(re.match("`(.*?)`", written)[1]).items() <= found.items(), place


def test_the_settings_and_the_policy_of_the_page_are_the_ones_in_the_code():
    """What `CHANNELS_SPECTACULAR_SETTINGS` may hold, and the Content-Security-Policy, word by word."""
    text = (ROOT / "docs" / "asyncapi.md").read_text()
    example = text.split("CHANNELS_SPECTACULAR_SETTINGS = {", 1)[1].split("\n}\n", 1)[0]
    known = {field.name.upper() for field in dataclasses.fields(SpectacularSettings)}
    assert set(re.findall(r'^    "([A-Z_]+)":', example, re.MULTILINE)) == known
    policy = dict(Page(documents={"asyncapi": "3.0.0"}).serve("").headers)["content-security-policy"]
    assert f"`{policy}`" in " ".join(text.split())


@pytest.mark.parametrize("page", pages_with("js"))
def test_browser_code_runs_against_a_server(page, tmp_path):
    """The JavaScript on a page reads the close code that a real server sends it."""
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    with subprocess.Popen(
        [sys.executable, str(server)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            port = int(process.stdout.readline())
            programs = [
                f'const url = "ws://127.0.0.1:{port}/?name={name}";\n{block}'
                for name in ("expired", "nobody")
                for block in blocks(page, "js")
            ]
            said = [in_node(program, port) for program in programs]
        finally:
            process.terminate()
    assert said == ["refresh the token, then reconnect", "log in again"]


def in_node(program, port):
    """Run in Node, whose WebSocket takes an Origin only through its own dispatcher: the server expects a page's."""
    page = f"""
    const Native = WebSocket;
    globalThis.WebSocket = class extends Native {{
      constructor(url) {{ super(url, {{ headers: {{ origin: "http://127.0.0.1:{port}" }} }}); }}
    }};
    {program}
    """
    done = subprocess.run(
        ["node", "--experimental-websocket", "--no-warnings", "-e", page], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SERVER = """
import asyncio, socket
import uvicorn
from wsauth import Identity, InvalidCredentials, Policy, Query, Reason, SecurityScheme, WebSocketAuthMiddleware

async def by_name(credentials):
    if credentials.secret == "expired":
        raise InvalidCredentials("expired", Reason.EXPIRED)
    return None

async def app(scope, receive, send): ...

guarded = WebSocketAuthMiddleware(app, Policy([SecurityScheme("name", Query("name"), by_name)]))
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(guarded, lifespan="off", log_level="critical")
asyncio.run(uvicorn.Server(config).serve([listening]))
"""
