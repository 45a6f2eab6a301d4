"""What a submission has to hold to be listed, check by check, each with its reason in words. Pure.

    found = check(read_submission(path), Board(...))
    found.listed, found.reasons

They see what a mistake leaves behind, a changed file, a copy. Who makes a run up with care, texts
and all, is not found out by them: a listed submission stays somebody else's word.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..integrations.forms.eee_names import sample_id
from ..integrations.forms.material import WITHHELD
from ..judges.screen import Screen
from ..records import INTENTS, Request, digest
from ..results.checked import checked, shipped_cards
from ..results.judge_card import JudgeCard
from ..results.measures import REFUSAL, measure_named
from ..results.scorecard import BenchmarkInfo, JudgeChecked
from ..scale import CRITERIA, Scale
from ..statistics.bounds import rate_bounds
from ..store.store import judge_key
from .submission import Answer, Submission, level_of

SAME = 0.9
"""Share of telling responses that two runs have in common, from which one is a copy."""
TELLING = 20
"""Responses that occur once in a run, below which a copy cannot be told from a coincidence."""
FEW = 10
"""Rows below which equal ones are no sign of anything."""
HALF, CONFIDENCE = 0.5, 0.975
"""Of the responses to one side a judge that agrees with people contradicts `screen`, which does
too, on fewer than half; on surely more than that only one whose labels are swapped."""
ROUNDING = 1e-6


@dataclass(frozen=True)
class Asked:
    """A benchmark that submissions may be of."""

    info: BenchmarkInfo
    requests: Sequence[Request]


@dataclass(frozen=True)
class Known:
    """What submissions are held against: benchmarks, judge cards beside those that come with the
    program, and the responses of each run that is listed, as ``fingerprints`` of them."""

    asked: Sequence[Asked]
    cards: Sequence[JudgeCard] = ()
    listed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """The written verdict on a submission: listed if there is no reason against it."""

    name: str
    run: str = ""
    reasons: Sequence[str] = ()
    notes: Sequence[str] = ()
    submission: Submission | None = None

    @property
    def listed(self) -> bool:
        """True if nothing speaks against it."""
        return not self.reasons


Check = Callable[[Submission, Known], Iterator[str]]


def check(one: Submission, known: Known) -> Checked:
    """Hold a submission against what is known. All reasons are told, not the first alone."""
    reasons = [reason for find in CHECKS for reason in find(one, known)]
    return Checked(one.name, one.run, reasons, list(_notes(one, known)), one)


def benchmark_of(one: Submission, known: Known) -> Asked | None:
    """The benchmark with the hash that the submission states; None where none is known."""
    return next(
        (a for a in known.asked if a.info.sha256 == one.asked.additional_details.sha256), None
    )


def name_of(request: Request) -> str:
    """What a request is called in the samples."""
    return sample_id(request.id, request.turn, request.framing)


def fingerprints(said: Mapping[str, str]) -> dict[str, str]:
    """The telling responses of a run, hashed, by request: those that occur once in it."""
    often = Counter(said.values())
    return {name: digest(text) for name, text in said.items() if often[text] == 1 and text.strip()}


def _benchmark(one: Submission, known: Known) -> Iterator[str]:
    stated = one.asked.additional_details.sha256
    asked = benchmark_of(one, known)
    if asked is None:
        listed = "; ".join(f"{a.info.title} has {a.info.sha256[:16]}" for a in known.asked)
        yield (
            f"changed benchmark: {one.asked.dataset_name} with the SHA-256 {stated[:16]} is none "
            f"that is known here ({listed or 'none is'}); a part of one, as by --limit, is another"
        )
        return
    there = {name_of(request): request for request in asked.requests}
    others = [a for a in one.answers.values() if not _asks(a, there.get(a.id))]
    if others:
        yield (
            f"changed benchmark: {len(others):,} of its {len(one.answers):,} requests, as "
            f"{others[0].id}, are none of {asked.info.title}, or not as they stand there"
        )
    if one.asked.additional_details.requests != len(asked.requests):
        yield (
            f"changed benchmark: it says {one.asked.additional_details.requests:,} requests; "
            f"{asked.info.title} has {len(asked.requests):,}"
        )


def _asks(answer: Answer, request: Request | None) -> bool:
    """True if it is that request which was answered, by its text where that is told."""
    if request is None or answer.intent != request.intent:
        return False
    whole = request.text + (request.reference or "")
    sha256 = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()
    return answer.sha256 == sha256 and answer.asked in (request.text, WITHHELD)


def _told(one: Submission) -> list[Answer]:
    """The answers whose text is there."""
    return [answer for answer in one.answers.values() if answer.said != WITHHELD]


def _texts(one: Submission, known: Known) -> Iterator[str]:
    if without := len(one.answers) - len(_told(one)):
        yield (
            f"no texts: {without:,} responses are withheld, so no verdict can be held against what "
            "was said; export with --with-texts (a site shows no text)"
        )


def _judge(one: Submission, known: Known) -> Iterator[str]:
    if len(one.judge.keys) != 1:
        yield (
            f"a panel: {one.judge.name} are {len(one.judge.keys)} judges, and a submission holds "
            "the verdicts of one; export with --judge"
        )
        return
    (key,) = one.judge.keys
    ours = checked(one.judge.name, key, (*shipped_cards(), *known.cards), one.run)
    told = next((each for each in one.judge.checked if each.key == key), None)
    best = ours if ours.kappa is not None else told
    if best is None or (best.kappa is None and best.run is None):
        yield (
            f"missing judge card: nothing says how far {one.judge.name} agrees with people; "
            f"`msb judge check {one.judge.name}`, then export again"
        )
        return
    if told is not None and ours.kappa is not None and _differs(told, ours):
        yield (
            f"changed judge card: it says kappa {told.kappa} for {one.judge.name}; the card that "
            f"is known here says {ours.kappa:.3f}"
        )
    low = best.run.ci95 if best.run else best.ci95
    if low is None or low.low <= 0:
        yield (
            f"unqualified judge: that {one.judge.name} agrees with people beyond chance is not "
            f"shown ({best.text})"
        )


def _differs(told: JudgeChecked, ours: JudgeChecked) -> bool:
    return told.kappa is None or abs(told.kappa - (ours.kappa or 0.0)) > ROUNDING


def _rows(one: Submission, known: Known) -> Iterator[str]:
    files = one.result.detailed_evaluation_results
    if files.checksum != one.sha256 or files.total_rows != one.rows:
        yield "changed samples: their hash or their number is not what the result states"
    if one.strangers:
        yield f"samples of another evaluation: {', '.join(one.strangers)[:200]}"
    if one.judge.scale is CRITERIA:
        yield "by criteria: a submission has no verdict on each, so no score can be held against it"
        return
    wrong = sum(not _on_scale(answer, one.judge.scale) for answer in one.answers.values())
    if wrong:
        yield (
            f"outside the scale: {wrong:,} of {len(one.answers):,} rows have a level that is none "
            f"of {one.judge.scale.key}, or a score that is not its level's"
        )


def _on_scale(answer: Answer, scale: Scale) -> bool:
    """True if each score is what its measure makes of the level."""
    level = level_of(scale, answer.intent, answer.level)
    if level is None:
        return False
    for key, given in answer.scores.items():
        measure = measure_named(key)
        if not measure.supports(scale) or measure.side not in (answer.intent, "all"):
            return False
        if given != [float(measure.values[scale.key].get(level.score, 0))]:
            return False
    return True


def _figures(one: Submission, known: Known) -> Iterator[str]:
    for key, stated in one.figures.items():
        given = [score for a in one.answers.values() for score in a.scores.get(key, ())]
        n, said = len(given), stated.uncertainty.num_samples
        if n != said or not n:
            yield f"figures without their rows: {key} is over {n:,} rows, not {said:,}"
        elif abs((mean := float(np.mean(given))) - stated.score) > ROUNDING:
            yield f"figures that are not their rows': {key} is {mean:.4f}, not {stated.score:.4f}"


def _labels(one: Submission, known: Known) -> Iterator[str]:
    """Verdicts that the texts contradict, as ``screen`` reads these, on each side by itself."""
    scale, screen = one.judge.scale, Screen()
    if not REFUSAL.supports(scale):
        return
    told = _told(one)
    read = {a.id: screen.classify(a.asked, a.said).level for a in told}
    for intent in INTENTS:
        pairs = [
            (level_of(scale, intent, answer.level), read[answer.id])
            for answer in told
            if answer.intent == intent
        ]
        both = [(own.score == 1, seen.score == 1) for own, seen in pairs if own and seen]
        contradicted, n = sum(own != seen for own, seen in both), len(both)
        if n and (low := rate_bounds(contradicted, n, CONFIDENCE).low) > HALF:
            yield (
                f"swapped labels: on {contradicted:,} of {n:,} {intent} responses the verdict on "
                "declining is the opposite of what `screen` reads there (in general, on at least "
                f"{low:.0%})"
            )
    if one.judge.keys == (judge_key(screen.fingerprint),):
        levels = {key: level and level.title for key, level in read.items()}
        if altered := sum(levels[answer.id] != answer.level for answer in told):
            yield (
                f"changed verdicts: `screen` itself says otherwise of {altered:,} of "
                f"{len(told):,} responses"
            )


def _plausible(one: Submission, known: Known) -> Iterator[str]:
    said = [answer.said for answer in _told(one)]
    if len(said) >= FEW and len(set(said)) == 1:
        yield (
            f"implausible rows: all {len(said):,} responses are one and the same text, which no "
            "model needs to be asked for"
        )
    times = [a.latency for a in one.answers.values() if a.latency is not None]
    if len(times) >= FEW and len(set(times)) == 1:
        yield f"implausible rows: all {len(times):,} responses took exactly {times[0]:g} ms"


def _copies(one: Submission, known: Known) -> Iterator[str]:
    if one.run in known.listed:
        yield f"copied run: {one.run} is listed already"
        return
    own = fingerprints({name: answer.said for name, answer in one.answers.items()})
    for run, other in known.listed.items():
        shared = own.keys() & other.keys()
        same = sum(own[name] == other[name] for name in shared)
        if len(shared) >= TELLING and same >= SAME * len(shared):
            yield (
                f"copied run: {same:,} of {len(shared):,} responses are those of {run}, word for "
                "word"
            )


CHECKS: Sequence[Check] = (
    _benchmark,
    _texts,
    _judge,
    _rows,
    _figures,
    _labels,
    _plausible,
    _copies,
)


def _notes(one: Submission, known: Known) -> Iterator[str]:
    """What was not checked, or is somebody else's word."""
    if not REFUSAL.supports(one.judge.scale):
        yield (
            f"not held against `screen`: {one.judge.name} says {one.judge.scale.title}, and "
            "nothing of declining"
        )
    key = one.judge.keys[0] if one.judge.keys else ""
    if not any(card.key == key for card in (*shipped_cards(), *known.cards)):
        yield f"how {one.judge.name} is checked is told by who sent it"
    if left := one.asked.additional_details.requests - len(one.answers):
        yield f"{left:,} requests have no score there; they count as not asked"
    own = fingerprints({name: answer.said for name, answer in one.answers.items()})
    if len(own) < TELLING:
        yield f"only {len(own)} responses occur once, too few to tell a copy"
