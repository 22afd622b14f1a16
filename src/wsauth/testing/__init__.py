"""What the tests of an application need: connect as somebody, make tokens, move the clock.

`wsauth.testing.channels` holds what needs Channels.
"""

from wsauth.testing.acting import acting_as, browser_headers
from wsauth.testing.clock import FakeClock
from wsauth.testing.tokens import TokenFactory

__all__ = ["FakeClock", "TokenFactory", "acting_as", "browser_headers"]
