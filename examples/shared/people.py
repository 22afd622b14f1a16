"""The demo's people and rooms. The page reads the same file, so that it can offer the passwords as buttons."""

import json
from pathlib import Path

PAGE = Path(__file__).parent.parent / "page"
_seed = json.loads((PAGE / "people.json").read_text())

PEOPLE: list[dict] = _seed["people"]
ROOMS: list[dict] = _seed["rooms"]
