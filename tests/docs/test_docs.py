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
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=300)
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


def test_every_public_name_is_on_a_page():
    """What can be imported from `wsauth` and `wsauth.django` is said to be there, and what for."""
    text = "\n".join(page.read_text() for page in PAGES)
    names = {*wsauth.__all__, *wsauth.django.__all__}
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


LOG_OUT = "async def log_out_everywhere"


def test_the_page_of_fastapi_logs_out():
    """By the token that HTTP requests bring; who brings none, or a bad one, is nobody."""
    in_python(f"{program_of(ROOT / 'docs' / 'fastapi.md')}\n{LOGGED_OUT}")


LOGGED_OUT = """
from starlette.testclient import TestClient
from wsauth.testing import TokenFactory

tokens, client = TokenFactory(os.environ["JWT_KEY"]), TestClient(app, raise_server_exceptions=False)

def post(path, token):
    return client.post(path, headers={"authorization": f"Bearer {token}"})

assert client.post("/logout").status_code == post("/logout", "nonsense").status_code == 401
with client.websocket_connect("/chat/garden?ticket=opensesame") as socket:
    assert post("/logout", tokens("alice", jti="1")).json() == {"closed": 0}
    assert post("/logout-everywhere", tokens("alice")).json() == {"closed": 1}
    assert socket.receive()["code"] == 4410

def fail(make, wait=0.0):
    raise RevocationNotRecorded

policy.connections.log.publish = fail
assert post("/logout-everywhere", tokens("alice")).status_code == 503
"""


@pytest.mark.parametrize("engine", ["db", "cached_db"])
def test_the_page_of_channels_logs_out_everywhere(engine, tmp_path):
    """Every session of the user, also where each request saves its own."""
    (block,) = (block for block in blocks(ROOT / "docs" / "channels.md", "python") if LOG_OUT in block)
    in_django(f"{block}\n{ENDED}", engine, tmp_path)


@pytest.mark.parametrize("engine", ["cache", "file", "signed_cookies"])
def test_a_number_in_the_hash_ends_sessions_that_nobody_lists(engine, tmp_path):
    """As the page of Channels has it for the other engines: over HTTP, and for sockets."""
    in_django(f"{NUMBERED}\n{ENDED}", engine, tmp_path)


def in_django(program, engine, directory):
    names = "from django.conf import settings", f"settings.SESSION_ENGINE = 'django.contrib.sessions.backends.{engine}'"
    more = "settings.SESSION_SAVE_EVERY_REQUEST = True", f"settings.SESSION_FILE_PATH = {str(directory)!r}"
    setup = "import django", "django.setup()", "from chat.auth import policy"
    run("-c", "\n".join([*names, *more, *setup, program]), cwd=directory)


NUMBERED = """
from django.contrib.auth import alogout
from django.contrib.auth.models import User
from django.http import HttpResponse

numbers, before = {}, User.get_session_auth_hash
User.get_session_auth_hash = lambda user: f"{before(user)}{numbers.get(user.pk, 0)}"

async def log_out_everywhere(request):
    user = await request.auser()
    numbers[user.pk] = 1
    await policy.connections.revoke(subject=str(user.pk))
    await alogout(request)
    return HttpResponse(status=204)
"""

ENDED = """
import asyncio
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import path
from wsauth import WebSocketAuthMiddleware
from wsauth.testing.channels import communicator

async def who(request):
    return HttpResponse(str((await request.auser()).pk))

async def listen(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await receive()

async def connect(key):
    socket = communicator(listening, "/", headers=[(b"cookie", f"sessionid={key}".encode())])
    await socket.connect()
    return socket

async def watch(keys):
    sockets = [await connect(key) for key in keys]
    await asyncio.to_thread(lambda: gone.append(clients[0].post("/everywhere/").status_code))
    codes = [(await sockets[at].receive_output(3))["code"] for at in (0, 1)]
    assert codes == [4410, 4410] and await sockets[2].receive_nothing(0.2)
    assert [(await (await connect(key)).receive_output(3))["code"] for key in keys[:2]] == [4401, 4401]
    await sockets[2].disconnect()

call_command("migrate", verbosity=0)
settings.ROOT_URLCONF = "__main__"
urlpatterns = [path("everywhere/", log_out_everywhere), path("who/", who)]
listening, gone = WebSocketAuthMiddleware(listen, policy), []
alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
clients = [Client(), Client(), Client()]
for client, user in zip(clients, (alice, alice, bob)):
    client.force_login(user)
    assert client.get("/who/").content.decode() == str(user.pk)
asyncio.run(watch([client.cookies["sessionid"].value for client in clients]))
assert gone == [204]
assert [client.get("/who/").content.decode() for client in clients] == ["None", "None", str(bob.pk)]
"""

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
        ["node", "--experimental-websocket", "--no-warnings", "-e", page], capture_output=True, text=True, timeout=300
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
