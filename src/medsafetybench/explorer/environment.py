"""What templates of pages are given, and how stored text is printed.

    environment().get_template("run.html").render(card=card)

Whatever a template prints passes through ``visible`` and is then escaped, so no template can forget
to: nothing on a page is unseen, and nothing of it is markup but what we made ourselves.
"""

from __future__ import annotations

import time
from functools import cache
from shlex import quote
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..judges.reading import explained
from ..legible import cut, visible
from ..results.measures import Measure, form_of
from ..results.naming import selected
from ..results.scorecard import Figure
from ..results.text import interval_text
from ..statistics.interval import Interval
from .levels import badge, shade

DASH = "\N{EN DASH}"
LETTERS = "ABCD"
"""What runs side by side are called."""
LONGEST = 20_000
"""Characters of a text that a page shows unless asked for all of it."""


@cache
def environment(*rooms: str) -> Environment:
    """Templates of these rooms, each before the next, and of the explorer."""
    loaders = [PackageLoader(f"medsafetybench.{room}") for room in (*rooms, "explorer")]
    env = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "cut": cut,
        "explained": explained,
        "number": number,
        "points": points,
        "figure": figure,
        "interval": interval,
        "change": change,
        "moment": moment,
        "sentence": sentence,
        "selected": selected,
        "quoted": quote,
    }
    env.globals |= {
        "LONGEST": LONGEST,
        "LETTERS": LETTERS,
        "badge": badge,
        "on_axis": on_axis,
        "shade": shade,
    }
    return env


def _finalize(value: Any) -> Any:
    """What Jinja does to each value it prints, before escaping. Markup is ours."""
    return value if isinstance(value, Markup) else visible(str(value))


def number(value: float | None, digits: int = 2) -> str:
    """``1,234`` for a count, ``2.31`` for a quantity, a dash for none."""
    if value is None:
        return DASH
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def points(value: float) -> str:
    """``8``, ``-2.5``: points of criteria, which are whole numbers mostly."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def figure(found: Figure | float | None, measure: Measure) -> str:
    """A measure's value in its unit, ``2.31`` or ``41.0%``; a dash for none."""
    value = found.value if isinstance(found, Figure) else found
    return DASH if value is None else form_of(measure.unit).format(value)


def change(difference: float | None, measure: Measure) -> str:
    """A difference of a measure's values with its sign, ``+0.31`` or ``-8.2%``."""
    text = figure(difference, measure)
    return text if difference is None or difference < 0 else f"+{text}"


def interval(found: Interval | None, measure: Measure) -> str:
    """``[2.20, 2.42]`` or ``[31.9%, 50.8%]``; nothing for none."""
    return interval_text(found, form_of(measure.unit))


def moment(seconds: float) -> str:
    """When something was stored (seconds since 1970), in this machine's time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def sentence(text: str) -> str:
    """A title as the beginning of a line."""
    return text[:1].upper() + text[1:]


def on_axis(value: float, ends: Interval) -> str:
    """Where a value lies between the ends, in per cent with room for a dot at both."""
    return f"{4 + 92 * (value - ends.low) / (ends.high - ends.low):.2f}%"
