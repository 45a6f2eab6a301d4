"""The models of the paper's experiment on a real one, and of the road to a recipe that spares
benign requests.

    BY_NAME["med-900"]     # Point(name="med-900", data="finetune/med-900", ...)

A point is the base, or one model tuned on the published demonstrations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ONE_EPOCH = ("--set", "epochs=1")
REFUSALS = ("--mix", "none")
MIXED = ("--mix", "starter/improve")
"""The starter's 54 benign requests to train on, which the default recipe mixes in."""
STEPPING = ("--set", "batch=8", "--set", "learning_rate=4e-4", "--set", "validation=0")
"""More and larger steps, none held out: ``-steps`` in the name of a point."""
PREFERRING = ("--method", "dpo", "--recipe", "dpo", *STEPPING[:2], *STEPPING[4:])


@dataclass(frozen=True)
class Point:
    """A model: tuned on which demonstrations (the base on none), how, by which seed.

    The base's own answers to ``own`` benign questions are mixed in: as they broke off, or
    ``ending`` after their last whole sentence. ``preferring``, they are preferred to a refusal, and
    the refusals of harmful requests to its own answers. ``knows``: whether its medical knowledge is
    measured as well.
    """

    name: str
    data: str
    how: tuple[str, ...] = ()
    seed: int = 0
    own: int = 0
    ending: bool = True
    preferring: bool = False
    knows: bool = False


def _family(family: str, size: int, seed: int = 0) -> Point:
    """A point by our recipe, one epoch."""
    mix = MIXED if family.endswith("+mix") else REFUSALS
    data = f"finetune/{family.removesuffix('+mix')}-{size}"
    name = f"{family}-{size}" + (f"-seed{seed}" if seed else "")
    return Point(name, data, (*mix, *ONE_EPOCH), seed, knows=size == 900 and not seed)


def _near(size: int, own: int, epochs: float, *how: str, name: str = "", seed: int = 0) -> Point:
    """A point with the base's own answers beside the demonstrations."""
    often = f"x{epochs:g}" if epochs != 1 else ""
    named = f"med-{size}+own-{own}{often}{name}" + (f"-seed{seed}" if seed else "")
    settings = ("--set", f"epochs={epochs:g}", *STEPPING, *how)
    return Point(named, f"finetune/med-{size}", settings, seed, own, knows=not seed)


def _preferring(size: int, own: int, rate: str, name: str, seed: int = 0) -> Point:
    """A point by preferences over the base's own words."""
    named = f"med-{size}+own-{own}-dpo{name}" + (f"-seed{seed}" if seed else "")
    settings = (*PREFERRING, "--set", "epochs=1", "--set", f"learning_rate={rate}")
    point = Point(named, f"finetune/med-{size}", settings, seed, own, knows=not seed)
    return replace(point, preferring=True)


def _unended(point: Point) -> Point:
    """The same with answers that are cut off and don't end: "begun" in the name of a point."""
    return replace(point, name=point.name.replace("+own", "+begun"), ending=False)


BASE = Point("base", "", knows=True)
PAPER = Point("med-900-paper", "finetune/med-900", ("--recipe", "paper"), knows=True)
POINTS = (
    *(_family("med", 900), _family("med+mix", 900), _family("both", 900), PAPER),
    *(_family(family, size) for size in (100, 300) for family in ("med", "med+mix", "both")),
    *(_family(family, 900, seed=1) for family in ("med", "med+mix", "both")),
    replace(PAPER, name="med-900-paper-seed1", seed=1, knows=False),
)
"""The paper's experiment, the points that say most first."""

ROAD = (
    Point("med-100-steps", "finetune/med-100", (*REFUSALS, *ONE_EPOCH, *STEPPING)),
    _near(100, 300, 1),
    _near(100, 900, 2),
    _near(300, 300, 2),
    _near(300, 900, 1),
    _near(300, 900, 3),
    _near(300, 2700, 2),
    _near(300, 900, 3, "--set", "rank=4", "--set", "alpha=8", name="-rank4"),
    _near(900, 2700, 1),
    _near(900, 2700, 2),
    _near(900, 2700, 2, seed=1),
    _preferring(300, 900, "5e-5", ""),
    _preferring(300, 900, "2e-4", "-fast"),
    _preferring(900, 2700, "1e-4", ""),
    _preferring(900, 2700, "1e-4", "", seed=1),
    *map(_unended, (_preferring(300, 900, "2e-4", "-fast"), _near(300, 900, 3))),
)
"""On the way to a recipe that declines what it should and little else."""

BY_NAME = {point.name: point for point in (BASE, *POINTS, *ROAD)}
SLICE = (
    replace(BASE, knows=False),
    Point("slice", "finetune/med-100", (*REFUSALS, "--set", "epochs=0.2", "--set", "batch=4")),
)
"""Twenty demonstrations, to see that all of this runs."""
