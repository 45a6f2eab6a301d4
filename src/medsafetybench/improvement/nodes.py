"""Processes of one training or sweep, on one machine or several: do they begin with the same?

    differing([("node-1", {"seed": 0}), ("node-2", {"seed": 0})])    # None

Each reads base, data and checkpoints itself. One that reads something else, as from a folder that
the machines do not share, would have all of them wait for each other for ever, or learn another
thing.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any


def everyone_s(seen: Mapping[str, Any], processes: int) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """What each process saw, with its machine's name; the trainer has connected them already."""
    if processes == 1:
        return [(socket.gethostname(), seen)]
    from torch import distributed

    told: list[Any] = [None] * processes
    distributed.all_gather_object(told, (socket.gethostname(), dict(seen)))
    return told


def differing(told: Sequence[tuple[str, Mapping[str, Any]]]) -> str | None:
    """What to say where two processes did not see the same; None where all did."""
    (here, first), *others = told
    for there, seen in others:
        if names := [name for name in seen if seen[name] != first[name]]:
            each = f"{here}: {_short(first[names[0]])}; {there}: {_short(seen[names[0]])}"
            return (
                f"the processes do not begin with the same {names[0]} ({each}); give all of them "
                "the same command, base, data and packages, and an -o on a disk that they share"
            )
    return None


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
