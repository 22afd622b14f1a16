"""The demo on Channels documents itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from wsauth.asyncapi import lint

PROGRAM = Path(__file__).parent / "project" / "demo.py"


@pytest.fixture(scope="module")
def told():
    done = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_its_document_has_no_mistake(told, referee):
    """Neither for the referees nor for our linter, and the walker could see everything."""
    assert referee.complaints(told["document"]) == []
    assert lint(told["document"]) == []
    assert told["warnings"] == []


def test_its_document_lists_exactly_the_schemes_of_its_policies(told):
    """No more, no less."""
    assert sorted(told["document"]["components"]["securitySchemes"]) == told["schemes"]
    doors = {
        channel["address"]: channel["x-wsauth-security"]["schemes"] for channel in told["document"]["channels"].values()
    }
    assert doors["/ws/first/notifications/"] == ["firstMessage"]
    assert doors["/ws/tokens/chat/{slug}/"] == ["queryToken", "bearerSubprotocol"]
    assert len(doors["/ws/dashboard/"]) == 4


def test_its_page_offers_to_try_it_out(told):
    """Anyone can connect from it."""
    assert told["config"]["tryItOut"] is True


def test_its_doors_hide_the_token_from_the_server(told):
    """They hand on the very scope that the server logs."""
    assert set(told["queries"].values()) == {"a=1"}
