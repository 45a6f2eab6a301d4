"""Samples of lm-eval (``--log_samples``) as records of ours.

    read_lm_eval(Path("samples_medsafety_2026-11-24.jsonl"))

A line holds a document's prompts, every response (repeats) and what a filter made of them; a
document comes once for each filter. Every repeat is an answer, and each filter a run of its own.
Their own scores are not on our scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..cells import identity_of
from ..conversations import Asked, chat_in, split
from ..errors import MsbError
from ..records import Conversation, Response
from ..tables import rows
from .gathering import Gathering
from .recorded import Recorded

Prompt = tuple[Asked, Conversation]


def read_lm_eval(path: Path, intent: str | None = None) -> list[Recorded]:
    """The records in a file, one for each filter.

    Raises MsbError for what is no such file, and for multiple-choice tasks, which have no response.
    """
    found = Gathering(path, "lm-eval", intent)
    read = [_Line(where, row) for where, row in rows(path)]
    filters = _filters(read)
    for line, filter in zip(read, filters, strict=True):
        target = path.stem if len(set(filters)) == 1 else f"{path.stem} [{filter}]"
        answers, dropped = line.answers()
        if dropped:
            found.leave_out(f"choices of filter {filter!r} among repeats, all of which are taken,")
        prompts = line.prompts(len(answers))
        for (asked, said), answer in zip(prompts, answers, strict=True):
            found.add(
                target,
                line.identity,
                asked,
                Response(text=answer),
                metadata=line.row.get("doc"),
                reference=line.row.get("target"),
                said=said,
            )
    return found.records()


class _Line:
    """One line: a document with its responses, under one filter."""

    def __init__(self, where: str, row: Mapping[str, Any]) -> None:
        if "doc_id" not in row or "resps" not in row:
            raise MsbError(f"{where}: expected doc_id, arguments and resps, as lm-eval writes them")
        self.where, self.row = where, row
        try:
            self.identity = identity_of(row["doc_id"]) or where
        except ValueError as error:
            raise MsbError(f"{where}: doc_id: {error}") from None

    def answers(self) -> tuple[list[str], bool]:
        """What was responded, repeats included, and whether the filter had dropped some of them.

        A filter that takes one of several leaves the others out; then all are as they came.
        """
        came, filtered = _leaves(self.row["resps"]), _leaves(self.row.get("filtered_resps"))
        if (
            filtered
            and all(isinstance(one, str) for one in filtered)
            and len(filtered) >= len(came)
        ):
            return filtered, False
        if came and all(isinstance(one, str) for one in came):
            return came, bool(filtered)
        raise MsbError(f"{self.where}: no generated text; a multiple-choice task has no response")

    def prompts(self, n: int) -> list[Prompt]:
        """What each of the answers was asked: all the same, unless there is a prompt for each."""
        arguments = self.row.get("arguments")
        if isinstance(arguments, Mapping):  # {"gen_args_0": {"arg_0": prompt, "arg_1": settings}}
            calls = [
                call.get("arg_0") if isinstance(call, Mapping) else call
                for call in arguments.values()
            ]
        else:  # [[prompt, settings]]
            calls = list(arguments) if isinstance(arguments, list) else [arguments]
        if len(calls) == n:
            return [self._prompt(call) for call in calls]
        return [self._prompt(next(iter(calls), None))] * n

    def _prompt(self, value: Any) -> Prompt:
        """A plain text, or chat messages as they are or as JSON."""
        try:
            messages = chat_in(value, named=True)
            while messages is None and isinstance(value, list) and value:
                value = value[0]
                messages = chat_in(value, named=True)
            if messages:
                return split(messages), messages
        except ValueError as error:
            raise MsbError(f"{self.where}: the prompt: {error}") from None
        if not isinstance(value, str):
            raise MsbError(f"{self.where}: no prompt in arguments; expected gen_args_0 with arg_0")
        return Asked(value), ()


def _filters(lines: list[_Line]) -> list[str]:
    """The name of each line's filter; its number where older versions do not say it."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for line in lines:
        if isinstance(name := line.row.get("filter"), str) and name:
            found.append(name)
            continue
        # The same prompt again is the same document under another filter.
        key = (line.identity, repr(line.row.get("arguments")))
        seen[key] = seen.get(key, 0) + 1
        found.append(str(seen[key]))
    return found


def _leaves(value: Any) -> list[Any]:
    """All that stands in lists of lists, in order."""
    found, open_ones = [], [value]
    while open_ones:
        one = open_ones.pop()
        if isinstance(one, list):
            open_ones += reversed(one)
        elif one is not None:
            found.append(one)
    return found
