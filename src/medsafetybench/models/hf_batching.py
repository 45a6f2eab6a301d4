"""Planning of batches: which waiting calls are generated together, and how they are padded.

    choose_batch(waiting, size=32)      # the longest first, all of one kind
    left_pad([[5, 6], [7]], pad=0)      # ([[5, 6], [0, 7]], [[1, 1], [0, 1]])

Pure: no torch. Calls alike in length stand together, so that little is spent on padding, and the
longest go first, so that memory runs out at the beginning or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar


class Call(Protocol):
    """What can be batched: ``kind`` is equal for calls that may share a batch."""

    @property
    def kind(self) -> Hashable:
        """What must be equal within a batch."""

    @property
    def length(self) -> int:
        """Tokens of the prompt."""


AnyCall = TypeVar("AnyCall", bound=Call)
Generated = TypeVar("Generated")


def choose_batch(waiting: list[AnyCall], size: int) -> list[AnyCall]:
    """Take at most ``size`` calls out of ``waiting``: of its first call's kind, longest first.

    The first call decides the kind, so no kind waits for ever.
    """
    kind = waiting[0].kind
    same = sorted((c for c in waiting if c.kind == kind), key=lambda c: c.length, reverse=True)
    batch = same[:size]
    taken = set(map(id, batch))
    waiting[:] = [call for call in waiting if id(call) not in taken]
    return batch


def left_pad(
    rows: Sequence[Sequence[int]], pad: int, shared: int = 0
) -> tuple[list[list[int]], list[list[int]]]:
    """Rows of token ids as a rectangle padded on the left, and its mask (1 where a row's own).

    The ``shared`` tokens that all rows begin with stand before the padding.
    """
    longest = max(map(len, rows))
    ids, mask = [], []
    for row in rows:
        missing = longest - len(row)
        ids.append([*row[:shared], *[pad] * missing, *row[shared:]])
        mask.append([*[1] * shared, *[0] * missing, *[1] * (len(row) - shared)])
    return ids, mask


def in_common(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows begin with, the last token of each left out."""
    shortest = min(map(len, rows)) - 1
    same = (len({row[i] for row in rows}) == 1 for i in range(shortest))
    return next((i for i, equal in enumerate(same) if not equal), shortest)


def until_end(ids: Sequence[int], ends: Collection[int]) -> tuple[list[int], bool]:
    """The tokens before the first end token, and whether there was one."""
    for position, token in enumerate(ids):
        if token in ends:
            return list(ids[:position]), True
    return list(ids), False


def whole(text: str) -> str:
    """Bytes that are no character yet, where a response is cut off, as one."""
    return text.encode("utf-8", "replace").decode()


@dataclass
class BatchSize:
    """The batch size that fits into memory, found by trying: starts high, halves, stays."""

    size: int
    halved: int = field(default=0)

    def too_large(self, tried: int) -> None:
        """A batch of ``tried`` rows did not fit."""
        if tried // 2 < self.size:
            self.size = max(1, tried // 2)
            self.halved += 1


@dataclass(frozen=True)
class Failed(Generic[AnyCall]):
    """A call that does not fit into memory even alone."""

    call: AnyCall
    error: Exception


def in_halves(
    batch: Sequence[AnyCall],
    generate: Callable[[Sequence[AnyCall]], Sequence[Generated]],
    out_of_memory: Callable[[Exception], bool],
    size: BatchSize,
) -> list[Generated | Failed[Any]]:
    """Outcomes of a batch, one for each call; what does not fit is done again in two halves.

    Rows of a half that is finished are kept. Raises what ``generate`` raises for other reasons.
    """
    try:
        return list(generate(batch))
    except Exception as error:
        if not out_of_memory(error):
            raise
        if len(batch) == 1:
            return [Failed(batch[0], error)]
    # Outside the handler: there the traceback would keep the tensors that did not fit.
    size.too_large(len(batch))
    middle = (len(batch) + 1) // 2
    first = in_halves(batch[:middle], generate, out_of_memory, size)
    return first + in_halves(batch[middle:], generate, out_of_memory, size)
