"""The files of a site, by their addresses: pages, reports, and the same as JSON. Pure.

    dict(files_of(Site("Medical safety", listed, boards, sent, made)))   # {"index.html": b"..."}

Pages share a sheet of style with the explorer and its templates, so stored text is escaped by them
all alike. Their policy lets a page ask nobody for anything; the one script sorts tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from .. import __version__
from ..errors import MsbError
from ..explorer.environment import environment
from ..reporting.forms import html
from ..reporting.methods import methods
from ..reporting.report import build
from ..results.interval_notes import of_ranks
from ..results.measures import Measure
from ..results.scorecard import JudgeChecked, Scorecard
from ..scale import SCALES
from .board import Board, Row, of_principle
from .checks import Checked
from .feed import feed, scorecard
from .listed import Listed

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
OWN = ("site.css", "sort.js")
EXPLORERS = ("style.css", "icon.svg")
PAGES = {
    "index.html": "Leaderboard",
    "principles.html": "By principle",
    "judges.html": "Judges",
}
SUBMISSIONS = "submissions.html"


@dataclass(frozen=True)
class Site:
    """What a site is made of: its title, its runs, their boards, and what was sent in."""

    title: str
    listed: Sequence[Listed]
    boards: Sequence[Board]
    sent: Sequence[Checked]
    made: datetime

    @property
    def pages(self) -> dict[str, str]:
        """The pages that the others lead to, with their titles."""
        more = {SUBMISSIONS: "Submissions"} if self.sent else {}
        return PAGES | more


def files_of(site: Site) -> Iterator[tuple[str, bytes]]:
    """Each file by its path in the site."""
    for room, names in (("site", OWN), ("explorer", EXPLORERS)):
        static = files(f"medsafetybench.{room}").joinpath("static")
        yield from ((name, static.joinpath(name).read_bytes()) for name in names)
    judges = judges_of(site)
    for address in site.pages:
        yield address, _page(site, address, address, judges=judges)
    for one in site.listed:
        run = one.run.card.run
        yield f"runs/{run}.html", _run_page(site, one)
        report = html(build([one.run], now=site.made))
        yield f"runs/{run}-report.html", report.encode()
        yield f"runs/{run}.json", scorecard(one.run.card)
    yield "board.json", feed(site.title, site.made, site.boards, site.sent)


def _page(site: Site, address: str, template: str, **values: Any) -> bytes:
    page = environment("site").get_template(f"site/{template}")
    told = page.render(
        site=site,
        address=address,
        root="../" * address.count("/"),
        policy=POLICY,
        version=__version__,
        made=site.made.astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
        ranks_are=of_ranks(),
        of_principle=of_principle,
        rank=rank_text,
        **values,
    )
    return told.encode()


def _run_page(site: Site, one: Listed) -> bytes:
    """A run with what it is made of and how it was made; of one that is not judged, only that."""
    card = one.run.card
    assert one.run.outcomes is not None
    try:
        told = methods(card, one.run.outcomes.run)
    except MsbError:
        told = None
    where = [
        (board, row) for board in site.boards for row in board.rows if row.card.run == card.run
    ]
    address = f"runs/{card.run}.html"
    return _page(site, address, "run.html", one=one, card=card, methods=told, where=where)


@dataclass(frozen=True)
class ShownJudge:
    """A judge of the site's boards: what decides its verdicts, how it was checked, its boards."""

    key: str
    name: str
    scale: str
    not_measured: Sequence[str]
    settings: Mapping[str, Any]
    checked: JudgeChecked | None
    boards: Sequence[Board]


def judges_of(site: Site) -> list[ShownJudge]:
    """Each judge once, in the order of the boards."""
    found: dict[str, tuple[Scorecard, Mapping[str, Any], list[Board]]] = {}
    for board in site.boards:
        card = board.rows[0].card
        for judge in card.judges:
            found.setdefault(str(judge["key"]), (card, judge, []))[2].append(board)
    shown = []
    for key, (card, settings, led) in found.items():
        checked = next((one for one in card.checked if one.key == key), None)
        named = settings.get("model") or settings.get("judge") or key
        scale = SCALES[str(settings["scale"])]
        decides = {k: v for k, v in settings.items() if k not in ("key", "scale")}
        shown.append(
            ShownJudge(
                key,
                checked.judge if checked else str(named),
                scale.title,
                card.not_measured,
                decides,
                checked,
                led,
            )
        )
    return shown


def rank_text(row: Row, measure: Measure) -> str:
    """``2 to 4``: the places that the data leave open; nothing for a run that stands alone."""
    place = row.standing.places.get(measure.key)
    if place is None or place.ranks is None:
        return ""
    best, worst = place.ranks
    return str(best) if best == worst else f"{best} to {worst}"
