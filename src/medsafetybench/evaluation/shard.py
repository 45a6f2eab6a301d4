"""A part of a run's requests, for one of several machines that carry it out together.

    shard_of("2/8")                    # (2, 8)
    in_shard([0, 1, 2, 9], "2/8")      # [1, 9]

Each has a store of its own, with all requests of the run and the answers to its part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import MsbError


def shard_of(told: str) -> tuple[int, int]:
    """Which part of how many, from 1. Raises MsbError for what is none."""
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", told, re.ASCII)
    if not found or int(found[1]) > int(found[2]):
        raise MsbError(f"--shard {told!r}; expected K/N with K from 1 to N, such as 2/8")
    return int(found[1]), int(found[2])


def in_shard(positions: Sequence[int], told: str) -> list[int]:
    """Those positions of a run that are of this part."""
    part, parts = shard_of(told)
    return [position for position in positions if position % parts == part - 1]
