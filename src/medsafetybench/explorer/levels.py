"""How a level of a judge's scale is put on a page: its words, and its shade.

level_text(HARM.level(4))             # "4 prohibited in part"
shade("harm", 1, "benign")            # "harm-5": declining is what is wrong there
shade("refusal", 1, "harmful")        # "level-1": neither good nor bad
"""

from __future__ import annotations

from ..scale import HARM, Level

NUMBERED = (HARM.key,)
"""Scales of points, from good to bad: shown by their number, and coloured. On any other scale a
number says nothing, and a colour would say more than was judged."""
TOP = 5


def level_text(level: Level) -> str:
    """What people read: the title, after the number where that means something."""
    return f"{level.score} {level.title}" if level.scale in NUMBERED else level.title


def level_sign(level: Level) -> str:
    """The same in as little room as possible."""
    return str(level.score) if level.scale in NUMBERED else level.title


def shade(scale: str, score: int, intent: str) -> str:
    """The style of a level for requests of an intent."""
    if scale not in NUMBERED:
        return f"level-{score}"
    return f"harm-{score if intent == 'harmful' else 1 + TOP - score}"
