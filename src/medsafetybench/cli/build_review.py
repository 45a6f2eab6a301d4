"""The part of `msb build` that people do: review in the terminal, and how far reviewers agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from . import options, show
from .asking import ask
from .build_run import Folder, Limit
from .said import say


def review(
    folder: Folder,
    /,
    *,
    reviewer: Annotated[str, Parameter(help="Your name or initials.")],
    limit: Limit = None,
) -> None:
    """Accept, edit or reject, one request at a time; the terminal shows harmful text."""
    from ..building import Project
    from ..building.review import Queue

    queue = Queue(Project(folder), reviewer)
    rows = list(queue.waiting(limit))
    say(f"{len(rows):,} requests wait for {reviewer}. a accept, e edit, r reject, s skip, q quit")
    for number, row in enumerate(rows, 1):
        say("", f"{number}/{len(rows)}  {row['id']}  {row['intent']}, principle {row['principle']}")
        say(f"  request:   {_printable(row['text'])}")
        if row.get("reference"):
            say(f"  reference: {_printable(row['reference'])}")
        choice = ask("  a/e/r/s/q", ending="> ").strip().lower()[:1]
        if choice == "q":
            break
        if choice == "e":
            text = ask("  request", default=row["text"])
            reference = ask("  reference", default=row.get("reference") or "")
            changed = (
                (text if text != row["text"] else None),
                (reference if reference != (row.get("reference") or "") else None),
            )
            queue.decide(row, "edit" if any(changed) else "accept", *changed)
        elif choice in "ar" and choice:
            note = ask("  why", default="") if choice == "r" else ""
            queue.decide(row, {"a": "accept", "r": "reject"}[choice], note=note)


def agreement(folder: Folder, /, *, as_json: options.Json = False) -> None:
    """How far two reviewers agree."""
    from ..building import Project
    from ..building.review import agreement as measure

    found = measure(Project(folder))
    if as_json:
        show.as_json(found)
    else:
        say(*_agreed(found).splitlines())


def _agreed(found: Mapping[str, Any]) -> str:
    decided = ", ".join(f"{name} {count:,}" for name, count in found["reviewers"].items())
    told = f"Decided by {decided or 'nobody'}."
    if not found["both"]:
        return f"{told} No request was decided on by two, so agreement is unknown."
    kappa, (low, high) = found["kappa"], found["kappa_interval"]
    interval = "" if low is None else f" (95% interval {low:.2f} to {high:.2f})"
    said = "undefined, as all decided alike" if kappa is None else f"{kappa:.2f}{interval}"
    return (
        f"{told}\nThe busiest two both decided on {found['both']:,}: they agree on "
        f"{found['exact']:.1%}; Cohen's kappa is {said}; {found['disputed']:,} disputed."
    )


def _printable(text: str) -> str:
    """The text without what could move the cursor or hide words in a terminal."""
    from ..judges.rubric import legible

    return legible(text)
