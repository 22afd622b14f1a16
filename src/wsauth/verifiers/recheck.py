"""What an error means for a connection that lives already, when its credential is looked at again."""

from __future__ import annotations

import logging
import time
import traceback

from wsauth.core.errors import InvalidCredentials, VerifierUnavailable
from wsauth.core.ration import Ration
from wsauth.core.reasons import Reason

_ration = Ration(time.monotonic)  # one fault may be that of each connection


def failed(error: Exception) -> InvalidCredentials | VerifierUnavailable:
    """Return the finding for an identity that was proven once, and for which `verify` would raise this error now.

    A credential that was good and is invalid now was revoked. Anything but the two errors of verifiers is a fault of the
    code, and says nothing about the credential.
    """
    if isinstance(error, VerifierUnavailable):
        return error
    if isinstance(error, InvalidCredentials):
        return error if error.reason is not Reason.INVALID else InvalidCredentials(error.detail, Reason.REVOKED)
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    where = f"{frame.f_code.co_filename}:{line}"  # and not its text, which may quote a credential
    _ration.write(logging.ERROR, f"a re-check raised {type(error).__qualname__} at {where}")
    return VerifierUnavailable(f"the re-check raised {type(error).__name__}")
