"""The documentation and try-it-out page: `panel(document)` is an ASGI app, `Page(...).serve(path)` serves all others."""

from wsauth.panel.app import panel
from wsauth.panel.page import Page, Response

__all__ = ["Page", "Response", "panel"]
