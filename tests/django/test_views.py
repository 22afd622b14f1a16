"""The document and its page, as a browser asks for them."""

from __future__ import annotations

import json
import re
from urllib.parse import urljoin

import pytest
import yaml
from django.test import Client, override_settings

from wsauth import ConfigurationError
from wsauth.asyncapi import lint

HERE = override_settings(
    ROOT_URLCONF="project.urls",
    ASGI_APPLICATION="project.asgi.application",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
)


@pytest.fixture(autouse=True)
def _site():
    with HERE:
        yield


@pytest.fixture
def client():
    return Client()


def shown(client, page, number=0):
    """The document that a page shows."""
    config = client.get(page, {"file": "config.json"}).json()
    return client.get(urljoin(page, config["specs"][number]["url"]))


def test_the_document_is_that_of_the_running_application(client, referee):
    """With the server that the request came to."""
    response = client.get("/asyncapi.json")
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    written = response.json()
    assert referee.complaints(written) == []
    assert lint(written) == []
    assert list(written["channels"]) == ["dispatch", "news"]
    assert written["servers"]["default"]["host"] == "testserver"
    assert written["servers"]["default"]["protocol"] == "ws"
    assert len(written["servers"]["default"]["security"]) == 2


def test_https_and_a_script_name_are_the_servers(client):
    """As the request says."""
    written = client.get("/asyncapi.json", secure=True, SCRIPT_NAME="/base").json()
    assert (written["servers"]["default"]["protocol"], written["servers"]["default"]["pathname"]) == ("wss", "/base")


def test_a_host_that_is_not_allowed_gets_no_document(client):
    """ALLOWED_HOSTS decides: nobody plants a server in a document that others cache."""
    assert client.get("/asyncapi.json", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "accept", "kind"),
    [
        ("/asyncapi", "", "json"),
        ("/asyncapi", "*/*", "json"),
        ("/asyncapi", "application/yaml", "yaml"),
        ("/asyncapi", "application/yaml, application/json", "json"),
        ("/asyncapi?format=yaml", "application/json", "yaml"),
        ("/asyncapi?format=yml", "", "yaml"),
        ("/asyncapi?format=json", "application/yaml", "json"),
        ("/asyncapi?format=xml", "", "json"),
        ("/asyncapi.json", "application/yaml", "json"),
        ("/old/one/asyncapi.yaml", "", "yaml"),
    ],
)
def test_json_or_yaml(client, path, accept, kind):
    """The query says, else the address, else Accept, else it is JSON."""
    response = client.get(path, headers={"accept": accept})
    assert response.headers["Content-Type"] == f"application/{kind}"
    read = yaml.safe_load if kind == "yaml" else json.loads
    assert read(response.content)["asyncapi"] == "3.0.0"


def test_a_document_is_only_read(client):
    """Nothing else is allowed."""
    assert client.post("/asyncapi").status_code == 405
    assert client.head("/asyncapi").status_code == 200


def test_servers_and_perspective_can_be_given(client):
    """By the view's arguments."""
    assert client.get("/elsewhere.json").json()["servers"]["prod"]["pathname"] == "/x"
    assert client.get("/client.json").json()["x-wsauth-perspective"] == "client"


def test_a_wrong_consumer_says_what_to_write(client):
    """A name is no class."""
    with pytest.raises(ConfigurationError, match="'DispatchConsumer' is no consumer class"):
        client.get("/not-a-class.json")


def test_who_may_not_see_it_gets_404(client):
    """The document, the page and every file of it."""
    assert client.get("/staff.json").status_code == 404
    assert client.get("/staff.json?staff=1").status_code == 200
    for file in ("", "app.js", "config.json", "asyncapi.json"):
        assert client.get("/hidden/", {"file": file}).status_code == 404


# The page


@pytest.mark.parametrize("page", ["/docs/", "/docs"])
def test_the_page_finds_its_own_files(client, page):
    """All of them, at its own address, with or without a "/" at its end; nothing comes from elsewhere."""
    waiting, seen = [page], set()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        response = client.get(address)
        assert response.status_code == 200, address
        assert "script-src 'self';" in response.headers["Content-Security-Policy"]
        text = response.content.decode()
        if "vendor" not in address:
            assert not re.search(r"""["'](?:\./)?[\w/-]+\.(?:js|css|svg)["']""", text), address
            named = re.findall(r"""["'](\./[\w/.-]*\?file=[\w/.-]+)["']""", text)
            waiting += [found for name in named if (found := urljoin(page, name)) not in seen | {*waiting}]
    files = {address.partition("?file=")[2] for address in seen}
    assert {"app.js", "style.css", "icon.svg", "config.json", "vendor/json-schema.js"} <= files


def test_the_page_shows_the_running_application(client):
    """With try-it-out where the view turns it on."""
    config = client.get("/docs/?file=config.json").json()
    assert (config["tryItOut"], config["whoami"], config["server"]) == (True, "/me", None)
    assert list(shown(client, "/docs/").json()["channels"]) == ["dispatch", "news"]


def test_a_file_that_did_not_change_is_not_sent_again(client):
    """Browsers ask by ETag; what is no file of the page is not found."""
    response = client.get("/docs/?file=app.js")
    again = client.get("/docs/?file=app.js", headers={"if-none-match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/docs/?file=../page.py").status_code == 404


@pytest.mark.parametrize("on", [True, False])
def test_try_it_out_is_as_the_settings_say(client, on):
    """Off unless they turn it on."""
    with override_settings(CHANNELS_SPECTACULAR_SETTINGS={"TRY_IT_OUT_ENABLED": on, "TRY_IT_OUT_EXPANDED": on}):
        config = client.get("/docs?file=config.json").json()
    assert (config["tryItOut"], config["expanded"]) == (on, on)


@pytest.mark.parametrize(
    ("settings", "server"),
    [
        ({"WS_HOST": "ws.example.com"}, "ws://ws.example.com"),
        ({"WS_HOST": "ws.example.com", "WS_PROTOCOL": "wss"}, "wss://ws.example.com"),
        ({"WS_HOST": "testserver"}, None),
        ({"SERVERS": {"prod": {"host": "api.example.com"}}}, None),
    ],
)
def test_sockets_on_another_host_are_found(client, settings, server):
    """Only where WS_HOST says so: a list of servers does not send whoever tries something to production."""
    with override_settings(CHANNELS_SPECTACULAR_SETTINGS=settings):
        response = client.get("/docs?file=config.json")
    assert response.json()["server"] == server
    assert (server or "'self'") in response.headers["Content-Security-Policy"]


def test_a_page_of_one_consumer(client):
    """With words of its own."""
    written = shown(client, "/news/").json()
    assert list(written["channels"]) == ["news"]
    assert written["info"]["title"] == "News"
    assert written["info"]["license"] == {"name": "MIT"}


def test_a_switcher_between_classes_and_documents(client):
    """By name; each is written when it is asked for."""
    config = client.get("/classes/?file=config.json").json()
    assert [spec["name"] for spec in config["specs"]] == ["A", "B", "C"]
    assert [list(shown(client, "/classes/", at).json().get("channels", ())) for at in range(3)] == [
        ["dispatch"],
        ["news"],
        [],
    ]


def test_a_project_of_django_channels_spectacular_works(client, referee):
    """After a change of imports: its document, its page beside it, the merged one, and the switcher."""
    documents = [
        yaml.safe_load(client.get(f"/old/{name}/asyncapi.yaml").content) for name in ("one", "merged", "d", "n")
    ]
    for written in documents:
        assert referee.complaints(written) == []
        assert lint(written) == []
    one, merged, _, _ = documents
    assert list(one["channels"]) == ["dispatch"]
    assert list(merged["channels"]) == ["dispatch", "news"]
    deprecated = [name for name, operation in one["operations"].items() if operation.get("x-wsauth-deprecated")]
    assert deprecated == ["dispatch_call_off"]
    assert shown(client, "/old/one/").json() == one
    names = [spec["name"] for spec in client.get("/old/switch/?file=config.json").json()["specs"]]
    assert names == ["Dispatch  /ws/dispatch/", "News  /ws/news/"]
    assert [shown(client, "/old/switch/", at).json() for at in range(2)] == documents[2:]
    assert shown(client, "/url/").json() == client.get("/asyncapi.json").json()


def test_a_page_shows_nothing_that_its_documents_would_not(client):
    """The checks and decorators around a view hold for whoever looks through a page."""
    assert [shown(client, "/of-others/", at).status_code for at in range(2)] == [404, 404]
    config = client.get("/of-others/?file=config.json").json()
    allowed = client.get(urljoin("/of-others/", config["specs"][0]["url"]) + "&staff=1")
    assert list(allowed.json()["channels"]) == ["news"]


@pytest.mark.parametrize("page", ["/wrong/", "/no-spec/"])
def test_an_address_that_leads_to_no_document_says_what_to_write(client, page):
    """Not only when somebody chooses it."""
    with pytest.raises(ConfigurationError, match="leads to no AsyncAPISpecView"):
        client.get(page)


def test_a_warning_is_logged_once(client, caplog):
    """However often the document is asked for."""
    with override_settings(ASGI_APPLICATION="project.asgi.unguarded"):
        for _ in range(2):
            client.get("/asyncapi")
    assert [record.message for record in caplog.records].count(
        "/ws/news/: no policy guards it; put WebSocketAuthMiddleware(..., policy) around it"
    ) == 1
