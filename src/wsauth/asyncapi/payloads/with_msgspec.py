"""Msgspec writes its Structs, and unions of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wsauth.asyncapi.dialect import COMPONENTS


def schemas(payloads: Sequence[tuple[Any, str]]) -> tuple[list[Any], dict[str, Any]]:
    """Write all of them in one call, so that msgspec itself tells Structs of one name apart."""
    written, named = msgspec.json.schema_components(
        [payload for payload, _ in payloads], ref_template=COMPONENTS + "{name}"
    )
    return list(written), named
