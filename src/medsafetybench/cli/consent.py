"""Asking once, at a terminal, whether a file may do what it wants; without one nobody is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .said import say

if TYPE_CHECKING:
    from ..evaluation.allowed import Allowed
    from ..evaluation.spec import EvaluationSpec


def consented(
    allowed: Allowed, specs: Iterable[EvaluationSpec], file: Path, sha256: str
) -> Allowed:
    """What is allowed to a file, with what was confirmed of it before or is now.

    Nothing is raised for what is not: whoever opens and asks refuses it, and names the options.
    """
    from ..evaluation.decisions import confirmed

    allowed = replace(allowed, confirmed=confirmed(sha256))
    wanted = list(dict.fromkeys(w.what for spec in specs for w in allowed.lacking(spec)))
    if not wanted or not _is_agreed(file, wanted):
        return allowed
    allowed = replace(allowed, confirmed=allowed.confirmed | set(wanted))
    _keep(file, sha256, allowed.confirmed)
    return allowed


def _is_agreed(file: Path, wanted: Iterable[str]) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    say(f"{file}, which was not confirmed here as it is now, would", error=True)
    say(*(f"  {what}" for what in wanted), error=True)
    say("Look at it. May this very file do so, from now on? y or n:", error=True)
    try:
        return input().strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _keep(file: Path, sha256: str, lines: Iterable[str]) -> None:
    from ..evaluation.decisions import kept_at, remember

    try:
        remember(file, sha256, lines)
        say(f"remembered in {kept_at(sha256)}; delete that file to be asked again", error=True)
    except (OSError, RuntimeError) as error:
        say(f"allowed this time, and not remembered: {error}", error=True)
