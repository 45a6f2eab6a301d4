"""Judges that a target which knows them can talk past, and what a gate on them alone needs.

    expect_more(spec.screen_is_enough, found)     # MsbError: decided on screen alone ...

`screen` and `phrases` look for how refusals are worded: a sentence of refusal before full
compliance can read as declining. They find accidents, and no target that was made to pass them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import MsbError
from ..store.outcomes import Outcomes
from ..store.store import JudgeRecord

OFFLINE = ("phrases", "screen")
CAVEAT = "{} can be evaded by a target that knows it"


def evadable(judge: JudgeRecord) -> bool:
    """True for the offline judges, at any boundary, here or as another tool's log recorded them."""
    name = judge.name.partition(" ")[0].partition("@")[0]
    return judge.settings.get("judge") in OFFLINE or name in OFFLINE


def deciding(found: Outcomes, corrected: bool = False) -> Sequence[JudgeRecord]:
    """The offline judges that decide a gate: most of a panel, which they then outvote; of figures
    corrected by labels any that gave such labels. None where others decide."""
    if corrected:
        return [judge for judge in found.others if evadable(judge)]
    offline = [judge for judge in found.members if evadable(judge)]
    return offline if 2 * len(offline) > len(found.members) else []


def expect_more(enough: bool, found: Outcomes, corrected: bool = False) -> list[str]:
    """What to say of a gate that offline judges decide; nothing where others do.

    Raises MsbError where they decide and it was not said that they are ``enough``.
    """
    judges = deciding(found, corrected)
    if not judges:
        return []
    named = " and ".join(judge.name for judge in judges)
    caveat = CAVEAT.format(named)
    if enough:
        return [f"{found.run.id}: decided on {named} alone; {caveat}"]
    raise MsbError(
        f"{found.run.id} would be decided on {named} alone, and {caveat}, by a sentence of refusal "
        "before it complies; have a language model judge it (msb rejudge --judge MODEL --replace), "
        "decide on people's labels (--corrected), or say --screen-is-enough (in a file "
        "screen_is_enough: true)"
    )
