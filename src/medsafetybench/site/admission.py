"""Submissions on their way into a site: found in a folder, checked, and made runs of a store.

    known = known_of(runs)
    sent = checked_in(Path("submissions"), known)
    admitted([one for one in sent if one.listed], known, Path("scratch.db"))

A listed one becomes a run like any other, in a store of its own, so that board, report and methods
know no second case. Its judge has the key that it has where the run was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..benchmarks import Benchmark, load_benchmark
from ..benchmarks.embedded import EMBEDDED
from ..errors import MsbError
from ..integrations.forms.eee_names import sample_id
from ..records import Response, Verdict
from ..reporting.reported import ReportedRun, labels_of
from ..results.checked import cards_known
from ..results.run import Run, open_run
from ..results.scorecard import BenchmarkInfo, JudgeChecked
from ..results.summarise import summarise
from ..store.outcomes import read_outcomes
from ..store.panel import panel_of
from ..store.store import Store, response_key
from .checks import Asked, Checked, Known, benchmark_of, check, fingerprints, name_of
from .listed import Listed, published_run
from .submission import Answer, Submission, level_of, read_submission, submissions_in

NOT_SETTINGS = ("deployment_type", "model_availability")
"""What their form wants beside a target's settings."""
UNKNOWN = "unknown/"
"""How the id of a model begins there whose maker was not told."""


def known_of(runs: Sequence[Run], benchmarks: Sequence[Benchmark] = ()) -> Known:
    """What submissions are held against: these runs' benchmarks, responses and stores' judge cards,
    the benchmarks that the program carries, and ``benchmarks`` beside them."""
    asked = {a.info.sha256: a for a in map(_asked, [*_carried(), *benchmarks])}
    cards, listed = [], {}
    for run in runs:
        with Store.read(run.store) as store:
            record = store.run(run.id)
            info = BenchmarkInfo(**record.settings["benchmark"])
            if info.sha256 not in asked:
                size = len(read_outcomes(store, record, ()))
                requests = [item.request for item in store.items(record, range(size))]
                asked[info.sha256] = Asked(info, requests)
            cards += [card for card in cards_known(store) if card not in cards]
        said = ((row["id"], row["turn"], row["framing"], row["response"]) for row in run.rows())
        listed[run.id] = fingerprints({sample_id(*at): text or "" for *at, text in said})
    return Known(list(asked.values()), cards, listed)


def _carried() -> Iterator[Benchmark]:
    return (load_benchmark(name) for own in EMBEDDED.values() for name in own.names())


def _asked(benchmark: Benchmark) -> Asked:
    info = BenchmarkInfo(
        name=benchmark.name,
        sha256=benchmark.sha256,
        selection=dict(benchmark.selection),
        version=benchmark.version,
    )
    return Asked(info, list(benchmark))


def checked_in(folders: Iterable[Path], known: Known) -> list[Checked]:
    """The written verdict on each submission in these folders; a copy of one that came before it is
    a copy as well. Raises MsbError for a folder without any."""
    found = []
    listed = dict(known.listed)
    for folder in folders:
        for path in submissions_in(folder):
            name = path.name if path == folder else path.relative_to(folder).as_posix()
            one = _checked(path, name, replace(known, listed=listed))
            if one.listed and one.submission:
                said = {answer.id: answer.said for answer in one.submission.answers.values()}
                listed[one.run] = fingerprints(said)
            found.append(one)
    return found


def _checked(path: Path, name: str, known: Known) -> Checked:
    try:
        return check(read_submission(path, name), known)
    except MsbError as error:
        return Checked(name, reasons=[f"schema: {error}"])


def admitted(sent: Iterable[Checked], known: Known, path: Path) -> list[Listed]:
    """The listed submissions as runs of a new store at the path."""
    found = []
    with Store.open(path) as store:
        for one in sent:
            if one.listed and one.submission:
                _store(store, one.submission, known)
    for one in sent:
        if one.listed and one.submission:
            shown = published_run(_reported(path, one.submission, known))
            found.append(Listed(shown, made_by=one.submission.made_by))
    return found


def _store(store: Store, one: Submission, known: Known) -> None:
    asked = benchmark_of(one, known)
    assert asked is not None, "it was checked"
    target = dict(one.target)
    target["model"] = str(target.get("model") or one.result.model_info.name)
    for name in NOT_SETTINGS:
        target.pop(name, None)
    target["recorded"] = {"format": "eee", "sha256": one.sha256}
    keyed = [(r, response_key(target, [{"id": name_of(r)}])) for r in asked.requests]
    settings = {"benchmark": asked.info.model_dump(), "target": target}
    run = store.register(one.run, settings, keyed)
    judge = store.register_judge(one.judge.name, one.judge.settings, one.judge.scale)
    with store.transaction():
        for request, key in keyed:
            answer = one.answers.get(name_of(request))
            level = answer and level_of(one.judge.scale, request.intent, answer.level)
            if answer and level:
                # Without a score there is no sample there, so what is missing stays open.
                store.put_response(key, Response(answer.said, "stop", latency=_seconds(answer)))
                store.put_verdict(judge, key, request.intent, Verdict(level))
    store.set_panel(run, [judge])


def _seconds(answer: Answer) -> float | None:
    return None if answer.latency is None else answer.latency / 1000


def _reported(path: Path, one: Submission, known: Known) -> ReportedRun:
    """The run as reports have it, by the judge as it is called and known where it was made."""
    run = open_run(one.run, path)
    with Store.read(path) as store:
        record = store.run(run.id)
        found = read_outcomes(store, record, panel_of(store, record))
    (judge,) = found.judges
    judge = replace(judge, key=one.judge.keys[0])
    told = one.result.model_info.id
    name = None if told.startswith(UNKNOWN) else told
    made = {"packages": {"medsafetybench": one.result.eval_library.version}}
    created = one.result.evaluation_timestamp
    record = replace(record, created=created, name=name, provenance=(made,))
    found = replace(found, run=record, judges=(judge,))
    card = summarise(found, run.taxonomy, (), [*known.cards])
    sent = [each for each in one.judge.checked if each.key == judge.key]
    card = card.model_copy(update={"checked": _checked_by(card.checked, sent)})
    (label,) = labels_of([record])
    return ReportedRun(card, record.settings, label, run=run, outcomes=found)


def _checked_by(
    ours: Sequence[JudgeChecked], sent: Sequence[JudgeChecked]
) -> Sequence[JudgeChecked]:
    """How the judge is checked by the cards that are known here, else as it was sent."""
    return ours if any(each.kappa is not None for each in ours) else sent
