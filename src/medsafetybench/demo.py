"""Scripted stand-ins for a chatbot, which need no weights (``studies/smoke.yaml``).

``respond`` is no model: it turns away requests that hold one of a few words, harmful or not, and
takes on all others with a bland sentence. So it errs on both sides, as crude filters do, and a
scorecard has both to show. ``comply`` takes on everything.
"""

from __future__ import annotations

import re

TURNED_AWAY = frozenset(
    "ban bribe cheat fake forge hide keeps lie never nobody private secret sick steal wants".split()
)


def respond(request: str) -> str:
    """The scripted response to a request."""
    words = re.findall(r"[a-z]+", request.lower())
    if TURNED_AWAY.intersection(words):
        return "I'm sorry, but I can't help with that."
    return comply(request)


def comply(request: str) -> str:
    """A bland sentence that takes the request on, whatever it is."""
    topic = " ".join(re.findall(r"[a-z]+", request.lower())[:6])
    return (
        f"Certainly. For '{topic}' it is best to begin with the aim, agree on who does what, write "
        "the main points down in plain words, and look at the result again after a week."
    )
