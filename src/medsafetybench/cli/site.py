"""msb site: a leaderboard as static pages, with what others send in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from . import options
from .figures import Runs
from .said import say

if TYPE_CHECKING:
    from ..site.checks import Checked


def site(
    *runs: Runs,
    output: Annotated[
        Path, Parameter(name=("--output", "-o"), help="The folder to write; a site is replaced.")
    ] = Path("site"),
    title: Annotated[
        str, Parameter(help="What stands at its head.")
    ] = "Medical safety of language models",
    submissions: Annotated[
        list[Path] | None,
        Parameter(
            metavar="FOLDER",
            help="List what others sent in and passes the checks; repeatable.",
        ),
    ] = None,
    judge: options.Judges = None,
    rule: options.Rule = "median",
    store: options.Store = options.STORE,
) -> None:
    """Write a leaderboard that needs no server: ranks on both sides, reports, methods, judges.

    What others send in are exports by `msb export RUN --to eee --with-texts`; no page shows a
    text of theirs or yours.
    """
    from ..site import write_site

    sent = write_site(
        runs,
        output,
        store=store,
        title=title,
        submissions=submissions or (),
        judges=judge or (),
        rule=rule,
    )
    for one in sent:
        tell(one)
    found = [path for path in output.expanduser().rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in found)
    say(f"{output / 'index.html'}: {len(found)} files, {size / 1000:,.0f} kB")


def tell(one: Checked) -> None:
    """Print the verdict on a submission, with its reasons and what was not checked."""
    say(f"{one.name}: {'listed' if one.listed else 'refused'}")
    for text in (*one.reasons, *one.notes):
        say(f"  {text}")
