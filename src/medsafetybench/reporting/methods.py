"""The paragraph on methods for a paper, with versions, hashes and citation keys.

    found = methods(card, record)
    found.text("md")       # "We evaluated ... [@han2024medsafetybench]."
    found.text("tex")      # "We evaluated ... \\\\citep{han2024medsafetybench}."
    found.references       # the BibTeX entries of what it cites

It says what was done and how sure it is, and no result. What the store does not know it leaves to
the author, in [brackets].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..errors import MsbError
from ..legible import name
from ..results.scorecard import CheckedOn, JudgeChecked, Scorecard
from ..scale import SCALES
from ..store.store import RunRecord
from .forms import latex_text

FILE = "references.bib"
MARK = "\0"
"""Around a citation key in a sentence; ``name`` lets none through from foreign text."""
FORMS = ("md", "tex")
SETS = {"xstest": "rottger2024xstest", "chatref": "reuter2023afraid", "gptfuzz": "yu2023gptfuzzer"}
"""The labelled sets that have a reference, by their names."""


@dataclass(frozen=True)
class Methods:
    """Sentences, in which citation keys stand between MARKs."""

    sentences: tuple[str, ...]

    @property
    def keys(self) -> list[str]:
        """What is cited, in the order of the text."""
        joined = " ".join(self.sentences)
        return list(dict.fromkeys(k for key in joined.split(MARK)[1::2] for k in key.split(",")))

    @property
    def plain(self) -> str:
        """The paragraph with citation keys in brackets, for pages."""
        parts = " ".join(self.sentences).split(MARK)
        cited = (f"[{p.replace(',', ', ')}]" if at % 2 else p for at, p in enumerate(parts))
        return "".join(cited)

    @property
    def references(self) -> str:
        """BibTeX entries of what is cited."""
        return "\n".join(entries()[key] for key in self.keys)

    def text(self, form: str = "md") -> str:
        """The paragraph for pandoc's Markdown or for LaTeX with natbib.

        Raises MsbError for another form.
        """
        if form not in FORMS:
            raise MsbError(f"--format {form!r}; expected md or tex")
        parts = " ".join(self.sentences).split(MARK)
        cite = _tex if form == "tex" else _pandoc
        escape = latex_text if form == "tex" else _plain_markdown
        # ``latex_text`` joins words anew, so spaces at the ends of a part are kept by hand.
        return "".join(
            cite(part) if at % 2 else _padded(part, escape(part)) for at, part in enumerate(parts)
        )


def _padded(before: str, after: str) -> str:
    start = " " if before[:1] == " " and after[:1] != " " else ""
    return start + after + (" " if before[-1:] == " " and after[-1:] != " " else "")


def _plain_markdown(text: str) -> str:
    """Text in which no sign marks anything up: no HTML, link or citation."""
    return re.sub(r"([\\`*_\[\]<>$@&|~^])", r"\\\1", text)


def _pandoc(keys: str) -> str:
    return f"[{'; '.join(f'@{key}' for key in keys.split(','))}]"


def _tex(keys: str) -> str:
    return rf"\citep{{{keys}}}"


@cache
def entries() -> Mapping[str, str]:
    """The references that the package has, by key."""
    text = (files(__package__) / FILE).read_text("utf-8")
    found = re.findall(r"(@\w+\{([^,]+),\n.*?\n\}\n)", text, re.DOTALL)
    return {key: entry for entry, key in found}


def cited(*keys: str) -> str:
    """Keys as a sentence holds them."""
    return f"{MARK}{','.join(keys)}{MARK}"


def methods(card: Scorecard, record: RunRecord) -> Methods:
    """What a paper says of how a run was made, judged and summed up. Pure.

    Raises MsbError for a run that nobody judged yet.
    """
    if not card.judge:
        raise MsbError(f"{card.run} is not judged yet; `msb rejudge {card.run} --judge JUDGE` does")
    return Methods(
        (
            _evaluated(card, record),
            *_asked(card, record),
            *_judged(card),
            *_checked(card),
            _missing(card),
            *_measures(card),
            *_intervals(card),
        )
    )


def _evaluated(card: Scorecard, record: RunRecord) -> str:
    versions = dict.fromkeys(
        str(made["packages"]["medsafetybench"])
        for made in record.provenance
        if "medsafetybench" in made.get("packages", {})
    )
    version = ", ".join(map(name, versions)) or "[version not recorded]"
    sides = " and ".join(f"{s.n:,} {key}" for key, s in card.sides.items() if key != "all")
    details = f" ({', '.join(name(d, 120) for d in card.details)})" if card.details else ""
    chosen = "; ".join(f"{key} = {value}" for key, value in card.benchmark.selection.items())
    narrowed = f", narrowed down by {name(chosen, 200)}" if chosen else ""
    return (
        f"We evaluated {name(card.target)}{details} with medsafetybench {version} "
        f"{cited('han2024medsafetybench', 'medsafetybench')} on {name(card.benchmark.title)}"
        f"{narrowed}: {sides} requests (SHA-256 {name(card.benchmark.sha256, 64)}; run "
        f"{card.run}, begun {name(card.created[:10])})."
    )


def _asked(card: Scorecard, record: RunRecord) -> Iterator[str]:
    sampling = record.settings["target"].get("sampling") or {}
    told = []
    if sampling.get("temperature") is not None:
        told.append(f"temperature {sampling['temperature']:g}")
    if card.max_tokens:
        told.append(f"at most {card.max_tokens:,} tokens")
    at = f" with {' and '.join(told)}" if told else ""
    if "pressure" in card.benchmark.selection:
        yield f"Harmful requests were put under pressure over several turns and framings{at}."
    else:
        yield f"Each request was put to it once{at}."
    if stopped := card.stopped_early:
        yield f"A sequential gate ended the run after {stopped.asked:,} requests."


def _judged(card: Scorecard) -> Iterator[str]:
    judges = ", ".join(_judge(judge) for judge in card.judges)
    rule = f", whose verdict is their {card.rule}" if card.rule else ""
    title = SCALES[card.scale or "harm"].title
    yield f"Responses were judged by {judges}{rule}, on {title}."
    if card.not_measured:
        yield f"This cannot tell {' or '.join(card.not_measured)}, which we do not report."


def _judge(judge: Mapping[str, object]) -> str:
    called = name(judge.get("model") or judge.get("judge") or "a judge")
    parts = [f"version {name(judge['version'])}"] if judge.get("version") else []
    if judge.get("sha256"):
        parts.append(f"SHA-256 {name(judge['sha256'])[:16]}")
    if judge.get("rubric"):
        parts.append(
            f"rubric {name(judge['rubric'])} (SHA-256 {name(judge['rubric_sha256'])[:16]})"
        )
    sampling = judge.get("sampling")
    if isinstance(sampling, Mapping) and sampling.get("temperature") is not None:
        parts.append(f"temperature {sampling['temperature']:g}")
    parts.append(f"key {name(judge['key'])}")
    return f"{called} ({', '.join(parts)})"


def _checked(card: Scorecard) -> Iterator[str]:
    for one in card.checked:
        on = [*([one.run] if one.run else []), *(s for s in one.sets if s.counts)]
        if not on:
            yield f"{name(one.judge)} was not checked against people's labels."
        else:
            yield _agreement(one, on)


def _agreement(one: JudgeChecked, on: list[CheckedOn]) -> str:
    listed = "; ".join(_set(part, one.run is part) for part in on)
    apart = all(part.part == "left out" for part in on)
    without = "; each time it was trained without that set" if apart else ""
    return (
        f"Held against people's labels, {name(one.judge)} has a Cohen's kappa "
        f"{cited('cohen1960coefficient')} (95% interval) of {listed}{without}."
    )


def _set(part: CheckedOn, own: bool) -> str:
    where = "responses of this run" if own else f"{name(part.set)} responses"
    source = f" {cited(SETS[part.set])}" if part.set in SETS else ""
    ends = f" ({part.ci95.low:.2f} to {part.ci95.high:.2f})" if part.ci95 else ""
    return f"{part.kappa:.2f}{ends} on {part.scored:,} {where}{source}"


def _missing(card: Scorecard) -> str:
    counts = card.counts
    if counts.scored == counts.n:
        return f"All {counts.n:,} requests have a score."
    without = counts.n - counts.scored
    return (
        f"Of {counts.n:,} requests {without:,} have no score ({counts.unscored:,} without a "
        f"readable verdict, {counts.errors:,} errors, {counts.pending:,} not asked); they count "
        "neither as safe nor as harmful."
    )


def _measures(card: Scorecard) -> Iterator[str]:
    for info in card.measures:
        side = card.sides.get(info.side)
        if side and side.scored:
            explained = info.explanation.split(";")[0].rstrip(".")
            title = info.title[0].upper() + info.title[1:]
            yield f"{title} (n = {side.scored:,}): {explained[0].lower()}{explained[1:]}."


def _intervals(card: Scorecard) -> Iterator[str]:
    together = "requests that were drawn together (twins, turns, framings) counting as one draw"
    if card.stopped_early:
        betting = cited("waudbysmith2024estimating")
        yield (
            f"Intervals are 95% confidence sequences by betting {betting}, which hold wherever a "
            f"run is stopped, {together}."
        )
    else:
        bound = cited("gaffke2005three", "learnedmiller2019new")
        exact = cited("clopper1934use")
        yield (
            f"Intervals are 95%: Gaffke's bound of a bounded mean {bound} at 97.5% for each end, "
            f"{together}; for rates of independent requests this is the exact interval of Clopper "
            f"and Pearson {exact}."
        )
    if card.corrected:
        labels = sorted({f"{one.n:,} labels by {', '.join(one.by)}" for one in card.corrected})
        yield (
            f"Figures called corrected rest on {'; '.join(labels)} of a random sample, by "
            f"prediction-powered inference {cited('angelopoulos2023ppi')}."
        )
    else:
        yield "The judge's own error is not in the intervals."
