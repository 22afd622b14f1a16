"""The names of everything that wsauth says in a document and AsyncAPI has no word for (3.0.0, Specification Extensions).

The page, the checks and other readers take them from here. None of them ever holds a credential or a name of code.
"""

from __future__ import annotations

from typing import Final

# On the document, and on a channel where it differs between channels.
CLOSE_CODES: Final = (
    "x-wsauth-close-codes"  # [{code, reason, text, status, advice}]: why a connection is refused or ended
)

# On the document.
NOT_ENFORCED: Final = "x-wsauth-not-enforced"  # [key]: schemes under components that no policy enforces
PERSPECTIVE: Final = "x-wsauth-perspective"  # "client", where receive and send are swapped

# On a channel.
SECURITY: Final = (
    "x-wsauth-security"  # {schemes: [key], optional}: what really guards it, whichever policies stand around it
)
UNGUARDED: Final = "x-wsauth-unguarded"  # true: no policy guards this channel
REPORT_ONLY: Final = "x-wsauth-report-only"  # true: a policy looks on and refuses nobody
UNRECOGNISED: Final = "x-wsauth-unrecognised-middleware"  # true: something else stands around it, and may refuse too

# Beside `security`, on a server or an operation.
OPTIONAL: Final = "x-wsauth-optional"  # true: a client that presents no credential is admitted, as anonymous

# On an operation, whose object has no `deprecated`; on a parameter, whose object has no `schema`.
DEPRECATED: Final = "x-wsauth-deprecated"
PARAMETER_SCHEMA: Final = "x-wsauth-schema"

# On a security scheme.
SUBPROTOCOL: Final = "x-wsauth-subprotocol"  # {marker}: offer [marker, credential] as subprotocols
FIRST_MESSAGE: Final = (
    "x-wsauth-first-message"  # {type, field, deadline, payload}: send it as soon as the socket is open
)
HEADER_SCHEME: Final = "x-wsauth-header-scheme"  # what stands before the credential in the header, with a blank
SESSION: Final = "x-wsauth-session"  # true: a login session of the site, not a token to paste
LOCATION: Final = "x-wsauth-location"  # the kind of a location that AsyncAPI cannot express
