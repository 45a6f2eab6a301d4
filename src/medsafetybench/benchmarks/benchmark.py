"""A benchmark: a named, hashed set of requests that can be read again and again.

    Benchmark("medsafety/eval", read).select(sources=["gpt4"], principles=[4]).sample(50, seed=0)

It holds how to read the requests, not the requests: 74,374 of them pass through in bounded memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import orjson

from ..errors import MsbError
from ..records import Request
from ..statistics.sampling import grouped_sample, stratified_sample


@dataclass(frozen=True, repr=False)
class Benchmark:
    """Requests under a name. ``selection`` records how they were narrowed down from the whole.

    ``version`` is what the set itself says of its edition, where it says so.
    """

    name: str
    read: Callable[[], Iterator[Request]]
    selection: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None

    def __iter__(self) -> Iterator[Request]:
        return self.read()

    def __repr__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.selection.items())
        return f"Benchmark({self.name + version!r}{', ' if chosen else ''}{chosen})"

    @cached_property
    def _size_and_sha256(self) -> tuple[int, str]:
        content, size = hashlib.sha256(), 0
        for size, request in enumerate(self, 1):  # noqa: B007 (the last one is the size)
            content.update(orjson.dumps(request.content()) + b"\n")
        return size, content.hexdigest()

    def __len__(self) -> int:
        return self._size_and_sha256[0]

    @property
    def sha256(self) -> str:
        """Content hash over every field of every request, in order: 64 hex digits."""
        return self._size_and_sha256[1]

    def select(
        self,
        sources: Collection[str] = (),
        principles: Collection[int] = (),
        intents: Collection[str] = (),
    ) -> Benchmark:
        """The requests of these sources, principles and intents (empty: all of them).

        Raises MsbError if nothing is left, naming what there is.
        """
        wanted = {"source": sources, "principle": principles, "intent": intents}
        wanted = {name: values for name, values in wanted.items() if values}
        if not wanted:
            return self

        def read() -> Iterator[Request]:
            return (r for r in self if all(getattr(r, n) in v for n, v in wanted.items()))

        for name, values in wanted.items():
            self._check_known(name, values)
        chosen = {name: sorted(values) for name, values in wanted.items()}  # type: ignore[type-var]
        return self._narrowed(read, chosen)

    def _check_known(self, name: str, values: Collection[Any]) -> None:
        known = {getattr(request, name) for request in self}
        for value in values:
            if value not in known:
                there = ", ".join(sorted(map(str, known)))
                raise MsbError(f"{self.name} has no request with {name} {value!r}; it has: {there}")

    def sample(self, n: int, seed: int = 0, twins_apart: bool = False) -> Benchmark:
        """A seeded sample of n requests, stratified by intent and principle, in benchmark order.

        Requests of one pair come together, but for one where n is too little for all of the last
        pair; ``twins_apart`` draws each by itself, as samples of before were. Asking for at least
        as many as there are gives them all.
        """
        if n < 1:
            raise MsbError(f"a sample of {n} requests was asked for; expected at least 1")
        if n >= len(self):
            return self
        labels = {request.id: (request.intent, request.principle) for request in self}
        draws = {request.id: request.pair or request.id for request in self}
        ids, strata = list(labels), list(labels.values())
        how = {"limit": n, "seed": seed}
        if twins_apart or len(set(draws.values())) == len(draws):
            return self.only(set(stratified_sample(ids, strata, n, seed)), how)
        chosen = grouped_sample(ids, strata, list(draws.values()), n, seed)
        return self.only(set(chosen), {**how, "twins": "together"})

    def only(self, ids: Collection[str], how: Mapping[str, Any]) -> Benchmark:
        """The requests with these ids; ``how`` says in one entry where the ids come from."""
        return self._narrowed(lambda: (r for r in self if r.id in ids), how)

    def without(self, ids: Collection[str], how: Mapping[str, Any]) -> Benchmark:
        """The requests without those of these ids; ``how`` says where the ids come from."""
        return self._narrowed(lambda: (r for r in self if r.id not in ids), how)

    def _narrowed(self, read: Callable[[], Iterator[Request]], how: Mapping[str, Any]) -> Benchmark:
        narrowed = replace(self, read=read, selection={**self.selection, **how})
        if not len(narrowed):
            raise MsbError(f"{self.name} has no request left after selecting {dict(how)}")
        return narrowed
