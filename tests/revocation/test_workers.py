"""Whether this process is one of several."""

import pytest

from wsauth.revocation.workers import sign_of_several


@pytest.mark.parametrize(
    ("arguments", "environment", "sign"),
    [
        ("app:app --workers 4", {}, "--workers 4"),
        ("app:app --workers=4", {}, "--workers 4"),
        ("-w 4 app:app", {}, "-w 4"),
        ("-w4 app:app", {}, "-w 4"),
        ("-w=4 app:app", {}, "-w 4"),
        ("app:app", {"WEB_CONCURRENCY": "2"}, "WEB_CONCURRENCY=2"),
        ("app:app", {"UVICORN_WORKERS": "2"}, "UVICORN_WORKERS=2"),
        ("app:app", {"GRANIAN_WORKERS": "2"}, "GRANIAN_WORKERS=2"),
        ("app:app", {"GUNICORN_CMD_ARGS": "--bind 127.0.0.1:8000 --workers 3"}, "--workers 3"),
        ("app:app --workers 1", {"WEB_CONCURRENCY": "2"}, None),
        ("app:app --workers 1", {}, None),
        ("app:app --workers", {}, None),
        ("app:app --workers many", {}, None),
        ("app:app --workers-lifetime 600", {}, None),
        ("app:app --worker-class asyncio", {}, None),
        ("-wide 4", {}, None),
        ("", {}, None),
        ("", {"WEB_CONCURRENCY": "1"}, None),
        ("", {"WEB_CONCURRENCY": "²"}, None),
        ("", {"WEB_CONCURRENCY": "auto"}, None),
    ],
)
def test_several_workers_are_seen(arguments, environment, sign):
    """By the options of the servers, which win over their variables."""
    assert sign_of_several(arguments.split(), environment) == sign


def test_the_process_itself_is_looked_at(monkeypatch):
    """Unless something else is given."""
    monkeypatch.setattr("sys.argv", ["uvicorn", "app:app"])
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert sign_of_several() == "WEB_CONCURRENCY=3"
    monkeypatch.setattr("sys.argv", ["uvicorn", "app:app", "--workers", "5"])
    assert sign_of_several() == "--workers 5"
