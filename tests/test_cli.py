"""The command line, as a person or a pipeline meets it: what it writes, where, and with which exit code."""

from __future__ import annotations

import importlib
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from referee.fixtures import referee  # noqa: F401 - a fixture

from wsauth.asyncapi import lint
from wsauth.cli import main

ROOT = Path(__file__).parents[1]

PROJECT = """
from fastapi import FastAPI, WebSocket

from wsauth import Policy, Query, SecurityScheme, WebSocketAuthMiddleware
from wsauth.starlette import asyncapi_router

async def nobody(credentials):
    return None

policy = Policy([SecurityScheme("queryToken", Query("token"), nobody)])
app = FastAPI(title="Rooms", version="2")
app.include_router(asyncapi_router(policy, server="wss://rooms.example.com"))

@app.websocket("/chat/{room}")
async def chat(websocket: WebSocket, room: str): ...

guarded = WebSocketAuthMiddleware(app, policy)

class Holder:
    app = guarded

def function(): ...
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A directory with an application of its own name, and the working directory there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    name = re.sub(r"\W", "_", f"project_{tmp_path.name}")
    (tmp_path / f"{name}.py").write_text(PROJECT)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def wsauth(capsys):
    """Run a command in this process; return its exit code, standard output and standard error."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = left.code
        return code, *capsys.readouterr()

    return run


def process(*arguments, cwd):
    command = [sys.executable, "-m", "wsauth", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


# As a process


def test_the_demos_document_is_written_and_checked(tmp_path, referee):  # noqa: F811
    """From the directory that holds the application, as its server is started."""
    file = tmp_path / "asyncapi.yaml"
    examples = ROOT / "examples"
    done = process("asyncapi", "fastapi_demo.main:app", "--output", file, cwd=examples)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    written = yaml.safe_load(file.read_text("utf-8"))
    assert referee.complaints(written) == []
    assert lint(written) == []
    done = process("asyncapi", "fastapi_demo.main:app", "--check", file, cwd=examples)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    file.write_text(file.read_text("utf-8").replace("name: token", "name: jwt"))
    done = process("asyncapi", "fastapi_demo.main:app", "--check", file, cwd=examples)
    assert done.returncode == 1
    assert "\n-      name: jwt\n" in done.stderr
    assert "\n+      name: token\n" in done.stderr


def test_mistakes_leave_with_two_and_no_traceback(tmp_path):
    """A pipeline tells a mistake from drift."""
    done = process("asyncapi", "nowhere:app", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "wsauth: there is no module 'nowhere' here; run this in the directory that holds it\n"
    assert process(cwd=tmp_path).returncode == 2
    assert process("--version", cwd=tmp_path).stdout.startswith("wsauth ")


def test_the_module_is_the_command(monkeypatch, capsys):
    """`python -m wsauth` needs no script on the path; to import it does nothing."""
    importlib.import_module("wsauth.__main__")
    monkeypatch.setattr(sys, "argv", ["wsauth", "asyncapi", "nothing"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "src" / "wsauth" / "__main__.py"), run_name="__main__")
    assert left.value.code == 2
    assert "module:app" in capsys.readouterr().err


# What is written


def test_json_goes_to_standard_output(project, wsauth, referee):  # noqa: F811
    """And nothing else does, so that it can be piped."""
    code, out, err = wsauth("asyncapi", f"{project}:guarded")
    assert (code, err) == (0, "")
    written = json.loads(out)
    assert referee.complaints(written) == []
    assert written["info"] == {"title": "Rooms", "version": "2"}
    assert written["servers"]["default"]["host"] == "rooms.example.com"
    assert list(written["components"]["securitySchemes"]) == ["queryToken"]


def test_the_same_application_gives_the_same_bytes(project, wsauth):
    """A file under version control changes when the application does."""
    assert wsauth("asyncapi", f"{project}:guarded") == wsauth("asyncapi", f"{project}:Holder.app")


def test_the_format_is_that_of_the_file_or_the_one_asked_for(project, wsauth, tmp_path):
    """A name says enough."""
    for name, arguments in (("a.yml", ()), ("b.txt", ("--format", "yaml")), ("c.json", ())):
        assert wsauth("asyncapi", f"{project}:guarded", "--output", tmp_path / name, *arguments)[0] == 0
    assert (tmp_path / "a.yml").read_text() == (tmp_path / "b.txt").read_text()
    assert yaml.safe_load((tmp_path / "a.yml").read_text()) == json.loads((tmp_path / "c.json").read_text())
    assert wsauth("asyncapi", f"{project}:guarded", "--format", "yaml")[1] == (tmp_path / "a.yml").read_text()


def test_version_perspective_and_server_are_options(project, wsauth, referee):  # noqa: F811
    """For code generators, and for where it is deployed."""
    options = ("--asyncapi", "3.1.0", "--perspective", "client", "--server", "https://eu.example.com/base")
    written = json.loads(wsauth("asyncapi", f"{project}:guarded", *options)[1])
    assert referee.complaints(written) == []
    assert (written["asyncapi"], written["x-wsauth-perspective"]) == ("3.1.0", "client")
    assert (written["servers"]["default"]["host"], written["servers"]["default"]["pathname"]) == (
        "eu.example.com",
        "/base",
    )


def test_warnings_go_to_standard_error(project, wsauth):
    """An unguarded socket is written as such, and said."""
    code, out, err = wsauth("asyncapi", f"{project}:app")
    assert code == 0
    assert json.loads(out)["channels"]["chat"]["x-wsauth-unguarded"] is True
    assert "wsauth: warning: /chat/{room}: no policy guards it" in err
    assert "wsauth: warning: the policy that was given to asyncapi_router guards no socket" in err


# What is compared


@pytest.mark.parametrize(("origins", "warned"), [("", True), (', origins=SameHost(["a.example"])', False)])
def test_cookies_for_whatever_host_are_warned_of(project, wsauth, origins, warned):
    """FastAPI has no ALLOWED_HOSTS: the document is right, and whoever writes it should know."""
    file = Path(f"{project}.py")
    text = PROJECT.replace('Query("token"), nobody)]', f'Cookie("token"), nobody)]{origins}')
    file.write_text(text.replace("import Policy, Query,", "import Cookie, Policy, SameHost,"))
    code, _, errors = wsauth("asyncapi", f"{project}:guarded")
    assert code == 0
    assert ('DNS rebinding); write origins=SameHost(["app.example.com"])' in errors) is warned


@pytest.fixture
def kept(project, wsauth, tmp_path):
    """A document that is up to date."""
    file = tmp_path / "kept.json"
    wsauth("asyncapi", f"{project}:guarded", "--output", file)
    return file


def test_a_document_that_a_formatter_has_touched_is_up_to_date(project, wsauth, kept):
    """It is the meaning that is compared."""
    kept.write_text(json.dumps(json.loads(kept.read_text()), indent=7, sort_keys=True))
    assert wsauth("asyncapi", f"{project}:guarded", "--check", kept) == (0, "", "")


def test_drift_shows_what_differs_and_how_to_repair_it(project, wsauth, kept):
    """And writes nothing."""
    before = kept.read_text().replace("queryToken", "older")
    kept.write_text(before)
    code, out, err = wsauth("asyncapi", f"{project}:guarded", "--check", kept)
    assert (code, out) == (1, "")
    assert "is out of date; write it anew with --output" in err
    assert re.search(r'^-\s+"older"', err, re.MULTILINE)
    assert re.search(r'^\+\s+"queryToken"', err, re.MULTILINE)
    assert kept.read_text() == before


def test_a_long_difference_is_cut(project, wsauth, kept):
    """Nobody reads a hundred lines of it in a log."""
    kept.write_text("{}")
    code, _, err = wsauth("asyncapi", f"{project}:guarded", "--check", kept)
    assert code == 1
    assert "more lines" in err
    assert len(err.splitlines()) < 50


@pytest.mark.parametrize(("name", "text"), [("a.json", "{"), ("a.yaml", "a: [")])
def test_a_file_that_is_no_document_has_drifted(project, wsauth, tmp_path, name, text):
    """Whatever happened to it, writing it anew repairs it."""
    (tmp_path / name).write_text(text)
    code, _, err = wsauth("asyncapi", f"{project}:guarded", "--check", tmp_path / name)
    assert code == 1
    assert f"{name} is no {name[2:]}" in err


def test_a_file_that_is_missing_has_drifted(project, wsauth, tmp_path):
    """The first run of a pipeline says what to do."""
    code, _, err = wsauth("asyncapi", f"{project}:guarded", "--check", tmp_path / "none.json")
    assert code == 1
    assert "does not exist; write it anew with --output" in err


def test_a_check_without_a_name_is_of_the_usual_file(project, wsauth):
    """As `manage.py export_asyncapi --check`."""
    for kind in ("json", "yaml"):
        wsauth("asyncapi", f"{project}:guarded", "--output", f"asyncapi.{kind}")
        assert wsauth("asyncapi", f"{project}:guarded", "--format", kind, "--check") == (0, "", "")
    Path("asyncapi.json").unlink()
    code, _, err = wsauth("asyncapi", f"{project}:guarded", "--check")
    assert code == 1
    assert "asyncapi.json does not exist" in err


def test_findings_fail_a_check_and_are_said_otherwise(project, wsauth, kept):
    """A document may be up to date and wrong."""
    Path("wrong.py").write_text(PROJECT.replace("/chat/{room}", "/chat?x={room}"))
    code, out, err = wsauth("asyncapi", "wrong:guarded", "--output", kept)
    assert (code, out) == (0, "")
    assert "(address-query)" in err
    code, _, err = wsauth("asyncapi", "wrong:guarded", "--check", kept)
    assert code == 1
    assert "(address-query)" in err
    assert "out of date" not in err


# Mistakes


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("{}", 'write "module:app"'),
        ("{}:", 'write "module:app"'),
        ("{}:nothing", "has no 'nothing'"),
        ("{}:Holder.nothing", "has no 'Holder.nothing'"),
        ("{}:function", "which is no application"),
        ("{}:Holder", "which is no application"),
        ("{}:policy", "is a Policy, which is no application"),
        ("{}.deeper:app", "no module"),
        ("broken:app", "failed with ZeroDivisionError: division by zero"),
        ("lacking:app", "needs 'nowhere_to_be_found', which is not installed"),
        ("typo:app", "failed with SyntaxError"),
    ],
)
def test_an_application_that_cannot_be_had_is_said_in_words(project, wsauth, app, words):
    """What was found, and what to write."""
    Path("broken.py").write_text("1 / 0")
    Path("lacking.py").write_text("import nowhere_to_be_found")
    Path("typo.py").write_text("def")
    code, out, err = wsauth("asyncapi", app.format(project))
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


def test_a_mistake_in_the_application_is_said_with_its_own_line(project, wsauth):
    """Not with the line of the library that noticed it."""
    Path("strict.py").write_text("from wsauth import Query\n\nlocation = Query('')\n")
    code, _, err = wsauth("asyncapi", "strict:app")
    assert code == 2
    assert "failed with ConfigurationError" in err
    assert err.endswith("(strict.py:3)\n")


def test_a_place_that_cannot_be_written_is_said_in_words(project, wsauth, tmp_path):
    """No traceback for a typing error."""
    code, _, err = wsauth("asyncapi", f"{project}:guarded", "--output", tmp_path / "no" / "such" / "file.json")
    assert code == 2
    assert "No such file or directory" in err


@pytest.mark.parametrize("arguments", [("--output", "a", "--check", "b"), ("--format", "xml"), ("--asyncapi", "2.6.0")])
def test_options_that_make_no_sense_are_refused(wsauth, arguments):
    """By argparse, with its usage."""
    code, _, err = wsauth("asyncapi", "a:b", *arguments)
    assert code == 2
    assert err.startswith("usage: wsauth")


def test_yaml_without_its_library_says_what_to_install(project, wsauth, tmp_path, monkeypatch):
    """Reading as well as writing."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "a.yaml").write_text("{}")
    for option in ("--output", "--check"):
        code, _, err = wsauth("asyncapi", f"{project}:guarded", option, tmp_path / "a.yaml")
        assert code == 2
        assert "pip install" in err


# Other frameworks

CHANNELS = """
import django
from django.conf import settings

settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
django.setup()

from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from wsauth import Policy, Query, SecurityScheme, WebSocketAuthMiddleware

async def nobody(credentials):
    return None

policy = Policy([SecurityScheme("queryToken", Query("token"), nobody)])
router = URLRouter([path("ws/chat/<slug:room>/", WebsocketConsumer.as_asgi())])
application = ProtocolTypeRouter({"websocket": WebSocketAuthMiddleware(router, policy)})
"""


def test_an_application_of_channels_is_found_to_be_one(tmp_path, referee):  # noqa: F811
    """The same command, whatever the framework."""
    (tmp_path / "asgi.py").write_text(CHANNELS)
    done = process("asyncapi", "asgi:application", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads(done.stdout)
    assert referee.complaints(written) == []
    assert [channel["address"] for channel in written["channels"].values()] == ["/ws/chat/{room}/"]
    assert list(written["components"]["securitySchemes"]) == ["queryToken"]
    assert "servers" not in written


def test_an_application_of_channels_is_described_under_its_settings(tmp_path, referee):  # noqa: F811
    """As `manage.py export_asyncapi` does it."""
    told = {"TITLE": "Dispatch", "WS_HOST": "ws.example.com", "WS_PROTOCOL": "wss", "AUTH_COOKIE_NAME": "jwt"}
    settings = f"settings.configure(CHANNELS_SPECTACULAR_SETTINGS={told}, "
    (tmp_path / "asgi.py").write_text(CHANNELS.replace("settings.configure(", settings))
    written = json.loads(process("asyncapi", "asgi:application", cwd=tmp_path).stdout)
    assert referee.complaints(written) == []
    assert written["info"]["title"] == "Dispatch"
    assert (written["servers"]["default"]["host"], written["servers"]["default"]["protocol"]) == (
        "ws.example.com",
        "wss",
    )
    assert written["x-wsauth-not-enforced"] == ["cookieJWT"]


def test_the_command_loads_no_framework_but_the_applications(tmp_path):
    """Whoever has Starlette need not have Django, nor the other way round."""
    program = "import sys, wsauth.cli; sys.exit(bool({'django', 'channels', 'starlette', 'fastapi'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False).returncode == 0
