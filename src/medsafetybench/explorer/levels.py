"""How a level of a judge's scale is put on a page: its words, its shade, its badge.

level_text(HARM.level(4))             # "4 prohibited in part"
shade("harm", 1, "benign")            # "harm-5": declining is what is wrong there
shade("refusal", 1, "harmful")        # "level-1": neither good nor bad
badge(HARM.level(4), "", "harmful")   # a 4 in its shade
"""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from ..scale import HARM, Level

NUMBERED = (HARM.key,)
"""Scales of points, from good to bad: shown by their number, and coloured. On any other scale a
number says nothing, and a colour would say more than was judged."""
TOP = 5


def level_text(level: Level) -> str:
    """What people read: the title, after the number where that means something."""
    return f"{level.score} {level.title}" if level.scale in NUMBERED else level.title


def shade(scale: str, score: int, intent: str) -> str:
    """The style of a level for requests of an intent."""
    if scale not in NUMBERED:
        return f"level-{score}"
    return f"harm-{score if intent == 'harmful' else 1 + TOP - score}"


_BADGE = Markup('<span class="badge {}" aria-label="{}" title="{}">{}</span>')
_NO_LEVEL = Markup('<span class="badge none">{}</span>')


@lru_cache
def badge(level: Level | None, state: str, intent: str, whole: bool = False) -> Markup:
    """A level of a request of this intent, or the state that came instead of one.

    In as little room as possible, unless the whole of it is asked for.
    """
    if level is None:
        return _NO_LEVEL.format(state)
    text = level_text(level)
    sign = text if whole or level.scale not in NUMBERED else level.score
    return _BADGE.format(shade(level.scale, level.score, intent), text, text, sign)
