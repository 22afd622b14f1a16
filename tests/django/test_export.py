"""`manage.py export_asyncapi` writes what runs, and fails where a file says anything else."""

from __future__ import annotations

import io
import json
import sys

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.test import override_settings

from wsauth.django import templates

DISPATCH, NEWS = "project.dispatch.DispatchConsumer", "project.dispatch.NewsConsumer"

TEMPLATE = """
asyncapi: 3.0.0
info: {title: By hand, version: "1"}
servers:
  default: {host: "{{ WS_HOST }}", protocol: "{{ws_protocol}}"}
channels:
  chat:
    address: /ws/chat/
    messages: {say: {$ref: "#/components/messages/say.it"}}
components:
  messages:
    say.it: {name: say.it, payload: {type: object}}
    titled: {payload: {title: Mine}}
    other: {payload: {$ref: "#/components/schemas/x"}}
    none: {}
  schemas: {x: {}}
"""


@pytest.fixture(autouse=True)
def _application(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with override_settings(ASGI_APPLICATION="project.asgi.application"):
        yield


def export(*arguments):
    """Run the command; return what it wrote to both outputs."""
    out, err = io.StringIO(), io.StringIO()
    call_command("export_asyncapi", *arguments, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def printed(*arguments):
    return json.loads(export(*arguments, "--output", "-", "--format", "json")[0])


def test_the_running_application_is_the_default(tmp_path, referee):
    """As YAML, in asyncapi.yaml."""
    assert export() == ("Written asyncapi.yaml\n", "")
    written = yaml.safe_load((tmp_path / "asyncapi.yaml").read_text("utf-8"))
    assert referee.complaints(written) == []
    assert written["servers"]["default"]["host"] == "localhost:8000"
    assert list(written["channels"]) == ["dispatch", "news"]


def test_the_format_is_that_of_the_name_or_as_one_says(tmp_path):
    """Directories are made."""
    export("--output", "docs/api/spec.json")
    export("--format", "json")
    export("-o", "spec.txt", "--format", "json")
    texts = [(tmp_path / name).read_text("utf-8") for name in ("docs/api/spec.json", "asyncapi.json", "spec.txt")]
    assert [json.loads(text) for text in texts] == [printed()] * 3


def test_consumers_by_their_paths():
    """With the address of the application, or one's own; several make one document."""
    assert [channel["address"] for channel in printed("--consumer", DISPATCH)["channels"].values()] == ["/ws/dispatch/"]
    both = printed("--consumer", f"{DISPATCH}:/ws/dispatch/", "--consumer", f"{NEWS}:/ws/news/")
    assert list(both["channels"]) == ["dispatch", "news"]
    assert "security" in both["servers"]["default"]


def test_a_consumer_that_cannot_be_imported_is_named():
    """With what was wrong."""
    with pytest.raises(CommandError, match=r"--consumer project\.dispatch\.Nobody: it cannot be imported"):
        export("--consumer", "project.dispatch.Nobody")


@pytest.mark.parametrize(
    ("arguments", "settings", "host", "protocol"),
    [
        ((), {"WS_HOST": "ws.example.com", "WS_PROTOCOL": "wss"}, "ws.example.com", "wss"),
        ((), {"SERVERS": {"p": {"host": "api.example.com"}}}, "api.example.com", "wss"),
        (("--host", "x:9"), {"SERVERS": {"p": {"host": "api.example.com"}}}, "x:9", "ws"),
        (("--protocol", "wss"), {"WS_HOST": "ws.example.com"}, "ws.example.com", "wss"),
    ],
)
def test_the_server_is_given_or_of_the_settings(arguments, settings, host, protocol):
    """What is given goes first."""
    with override_settings(CHANNELS_SPECTACULAR_SETTINGS=settings):
        (server,) = printed(*arguments)["servers"].values()
    assert (server["host"], server["protocol"]) == (host, protocol)


def test_the_clients_perspective(referee):
    """For code generators."""
    written = printed("--perspective", "client")
    assert referee.complaints(written) == []
    assert written["operations"]["dispatch_ping"]["action"] == "send"


def test_warnings_go_to_the_other_output():
    """So that a pipe holds the document only."""
    with override_settings(ASGI_APPLICATION="project.asgi.unguarded"):
        out, err = export("-o", "-")
    assert yaml.safe_load(out)["asyncapi"] == "3.0.0"
    assert "warning: /ws/news/: no policy guards it" in err


def test_a_setting_that_is_wrong_is_an_error_of_the_command():
    """Not a traceback."""
    with override_settings(ASGI_APPLICATION=None), pytest.raises(CommandError, match="write ASGI_APPLICATION"):
        export()


# --check


def test_a_file_that_says_what_runs_passes(tmp_path):
    """However it is formatted."""
    for name in ("a.json", "a.yaml"):
        export("--output", name)
        assert export("--check", name)[0] == f"{name} is what the application does\n"
    (tmp_path / "a.json").write_text(json.dumps(json.loads((tmp_path / "a.json").read_text())))
    export("--check", "a.json")


def test_drift_fails_and_shows_the_difference():
    """As when a scheme was taken out of the policy; no file is touched."""
    export("--output", "a.yaml")
    with override_settings(ASGI_APPLICATION="project.asgi.unguarded"):
        with pytest.raises(CommandError) as failed:
            export("--check", "a.yaml")
        assert "a.yaml is not what the application does now; write it again, with --output a.yaml" in str(failed.value)
        assert '-    "securitySchemes": {' in str(failed.value) or "securitySchemes" in str(failed.value)
        assert str(failed.value).endswith("…")
    export("--check", "a.yaml")


def test_a_small_difference_is_shown_whole():
    """In a diff."""
    export("--output", "a.yaml")
    with pytest.raises(CommandError) as failed:
        export("--check", "a.yaml", "--host", "x")
    assert '+      "host": "x",' in str(failed.value)
    assert not str(failed.value).endswith("…")


def test_a_missing_file_fails():
    """With the command that writes it."""
    with pytest.raises(CommandError, match=r"there; write `manage\.py export_asyncapi --output gone\.yaml`"):
        export("--check", "gone.yaml")


def test_without_a_name_it_is_the_usual_file():
    """What is written without a name is checked without one."""
    for kind in ((), ("--format", "json")):
        export(*kind)
        assert export("--check", *kind)[0].endswith(" is what the application does\n")
    with pytest.raises(CommandError, match="not allowed with argument"):
        export("--check", "a.yaml", "--output", "b.yaml")


def test_mistakes_that_no_validator_sees_fail(tmp_path):
    """Also where the file has the same."""
    (tmp_path / "t.yaml").write_text(TEMPLATE.replace("/ws/chat/", "ws/chat/?token="))
    export("--template", "t.yaml", "--output", "a.yaml")
    with pytest.raises(CommandError, match="address-query"):
        export("--template", "t.yaml", "--check", "a.yaml")


# --template


def test_a_template_is_filled_in(tmp_path, referee):
    """Host and protocol, and a title for each payload that has none."""
    (tmp_path / "t.yaml").write_text(TEMPLATE)
    written = printed("--template", "t.yaml", "--host", "ws.example.com", "--protocol", "wss")
    assert referee.complaints(written) == []
    assert written["servers"]["default"] == {"host": "ws.example.com", "protocol": "wss"}
    messages = written["components"]["messages"]
    assert messages["say.it"]["payload"]["title"] == "SayIt"
    assert messages["titled"]["payload"] == {"title": "Mine"}
    assert messages["other"]["payload"] == {"$ref": "#/components/schemas/x"}
    assert messages["none"] == {}
    assert printed("--template", "t.yaml")["servers"]["default"] == {"host": "localhost:8000", "protocol": "ws"}


def test_a_template_may_be_json(tmp_path):
    """It needs no library then."""
    (tmp_path / "t.json").write_text('{"asyncapi": "3.0.0", "servers": {"a": {"host": "{{WS_HOST}}"}}}')
    assert printed("--template", "t.json", "--host", "h")["servers"] == {"a": {"host": "h"}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "t.yaml cannot be read: No such file"),
        ("{", "holds no AsyncAPI document"),
        ("openapi: 3.0.0", "holds no AsyncAPI document"),
        ("a: [", "is not YAML"),
    ],
)
def test_what_is_no_document_is_named(tmp_path, text, words):
    """With the file's name."""
    if text is not None:
        (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(CommandError, match=words):
        export("--template", "t.yaml")


def test_yaml_without_its_library_is_named(monkeypatch):
    """With the line that installs it."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(templates.ConfigurationError, match=r"pip install .wsauth\[asyncapi\]"):
        templates.parse("asyncapi: 3.0.0", "a.yaml")
