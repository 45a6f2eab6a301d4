"""The marker of one call of a judge: 16 hex digits that no response can foresee.

    marker("the request", "the response", 0)       # another each time

Drawn anew for each call. Where the call goes into a batch it is derived from the store's secret
instead, and from what is judged: a process that goes on where another was killed asks the same, and
so knows the reply. A response that knew the secret still could not hold a marker made of itself.
"""

from __future__ import annotations

import hmac
import secrets

from ..models.carrying import CARRIER
from ..records import digest

NO_MARKER = "0" * 16
"""What stands in its place in prompts that are measured and never sent."""


def marker(request: str, response: str, attempt: int) -> str:
    """The marker for the n-th time (from 0) that this response to this request is asked about."""
    carrier = CARRIER.get()
    if carrier is None:
        return secrets.token_hex(8)
    about = digest([request, response, attempt]).encode()
    return hmac.digest(carrier.secret, about, "sha256")[:8].hex()
