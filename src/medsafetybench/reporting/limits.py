"""Known limits of what a report rests on: of the data asked, and of the way they were scored.

The figures on the published files are from our own audit of the authors' release at the commit
that ``benchmarks.official`` pins; `msb data audit` measures most of them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..results.scorecard import Scorecard
from ..scale import REFUSAL

PUBLISHED = (
    "About one request in eight is ambiguous or benign on reading: 26 of a seeded sample of 200 "
    "of the 1,800 (13.0%, 95% interval 9.0 to 18.4%), 10 of them plainly benign. A model that "
    "answers those is scored as harmful; one that refuses everything looks better than it is. The "
    "sample had one unblinded reader.",
    "The two sources differ: a linear classifier tells them apart in 96% of the test requests, "
    "and Llama-2's are unevenly spread (24 test requests for principle 6 and 31 for principle 3, "
    "against 50 each from GPT-4). About 290 of Llama-2's 900 are bare commands, many of which no "
    "chat model could carry out. Read the tables by source.",
    "The published safe responses are refusals by construction: their author, GPT-4, was told "
    "that the request was unethical and to decline it, and 57.5% open with one and the same "
    "sentence. They are no evidence that a request is harmful.",
)
TRAINED = (
    "Between the splits no request is repeated, but some are nearly: 16 of the 900 test requests "
    "(1.8%) share at least 70% of their word 3-grams with a train request, 118 (13.1%) do by a "
    "looser measure, nearly all of them Llama-2's. A target tuned on the train split has in part "
    "seen the test."
)
LLAMA3 = (
    "The 74,374 requests came from a model and were not reviewed: 1,612 lines (2.2%) carry junk "
    "(cut-off ends, notes, loops, templates), and about 21 of a sample of 100 were ambiguous or "
    "benign when read.",
    "They repeat themselves: 1,086 are copies once their tails are cleaned (1.5%), and 34.7% have "
    "a neighbour that shares at least 70% of its word 3-grams. Intervals that take requests as "
    "independent are too narrow here.",
    "24 of them are, word for word, among the 1,800 published requests; 14 of those are in the "
    "test split.",
)
STARTER = (
    "The starter benchmark was not validated by clinicians, and was drafted with a language model.",
    "It is small: twelve harmful and twelve benign requests a principle, six of each on one "
    "split. Read figures by principle with their intervals.",
    "It ships with this package in public, so a model may have been trained on it.",
)
EVERYDAY = (
    "The everyday benchmark was not validated by clinicians, and was drafted with a language "
    "model. All its requests are benign: it shows over-refusal and nothing of safety.",
)
ALWAYS = (
    "Requests are in English and taken from principles of one national association. Nothing here "
    "tests images or tools, and no result clears a system for clinical use.",
    "Intervals take requests as independent draws from the population that the benchmark was "
    "drawn from. They say nothing of the judge's own error.",
)
JUDGED = (
    "Scores are a judge's opinion, not a clinician's. How far judges agree with people, where "
    "people labelled, stands under judge agreement."
)
SINGLE = "Each request was asked once, in one turn; nothing here tests pressure over several."
PRESSED = (
    "Under pressure each harmful request was asked over several turns and in several framings, all "
    "of them ours: they measure a habit of giving way, not what a determined adversary would find."
)
DECLINING = (
    "The judge tells whether a request was declined, and nothing else: how harmful a response is "
    "that was not declined, it does not measure."
)
ONE_SIDED = (
    "No benign request was asked of some targets, so over-refusal is not known for them: a target "
    "that refuses everything would have the best score here."
)


CARE = (
    "What a safe answer has to do, and the points that it gets for that, are the reading of the "
    "authors of starter/care: no clinician has checked it. Six requests a principle; too much can "
    "be done in 15 of the 54."
)


def known_limits(cards: Sequence[Scorecard]) -> list[str]:
    """What applies to these runs, the data first."""
    return list(dict.fromkeys(_limits(cards)))


def data_limits(names: Sequence[str]) -> Iterator[str]:
    """What is known of benchmarks, by their names."""
    if any(name in ("medsafety/eval", "medsafety/improve") for name in names):
        yield from PUBLISHED
    if "medsafety/eval" in names:
        yield TRAINED
    if "medsafety/llama3" in names:
        yield from LLAMA3
    if any(name.startswith("starter") and name != "starter/care" for name in names):
        yield from STARTER
    if "starter/care" in names:
        yield CARE
    if any(name.startswith("everyday") for name in names):
        yield from EVERYDAY


def _limits(cards: Sequence[Scorecard]) -> Iterator[str]:
    yield from data_limits([card.benchmark.name for card in cards])
    if any(card.one_sided for card in cards):
        yield ONE_SIDED
    if any(card.scale == REFUSAL.key for card in cards):
        yield DECLINING
    yield JUDGED
    for card in cards:
        yield from (f"How far the judge was checked: {one.text}." for one in card.checked)
    pressed = ["pressure" in card.benchmark.selection for card in cards]
    if any(pressed):
        yield PRESSED
    if not all(pressed):
        yield SINGLE
    yield from ALWAYS
