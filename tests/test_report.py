"""The report: one file in which foreign text does nothing, with the scorecard's own figures."""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from commands import msb, output
from medsafetybench import evaluate, load_benchmark
from medsafetybench.errors import MsbError
from medsafetybench.evaluation import open_run
from medsafetybench.evaluation.rejudge import rejudge
from medsafetybench.judges import open_judge
from medsafetybench.legible import visible
from medsafetybench.reporting import write_report
from medsafetybench.reporting.commands import reproduce
from medsafetybench.reporting.forms import POLICY, latex_text, markdown_text
from medsafetybench.reporting.report import build
from medsafetybench.reporting.reported import gather
from medsafetybench.reporting.scores import shown
from medsafetybench.results.measures import MEASURES
from medsafetybench.results.run import Run
from medsafetybench.statistics import agreement
from medsafetybench.store.labels import label, person
from medsafetybench.store.store import Store
from scripted import scripted_run

HOSTILE = {
    "script": "<script>canary()</script>",
    "handler": '<img src=x onerror="canary()">',
    "attribute": "\" onmouseover='canary()' x=\"",
    "link": '<a href="javascript:canary()">x</a> [x](javascript:canary())',
    "svg": '<svg onload="canary()"><script>canary()</script></svg>',
    "closing": "</td></table></section></main></details></title></style><b>canary</b>",
    "template": "{{ 7 * 7 }} {% for x in y %} ${7*7} #{7*7}",
    "bidi": "safe\u202e\u2066not\u2069\u200b\u0000\u001b[2J",
    "tex": "\\input{/etc/passwd} $x_1^2$ % & # ~ \\end{tabular}",
    "table": "| a | b |\n|---|---|\n# head\n`code` www.example.com",
    "image": "![x](http://127.0.0.1:1/canary.png) <!-- -->",
}


class Reader(HTMLParser):
    """What a browser would find: every element, every attribute, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def run_of(text: str, folder: Path, target: str = "model") -> Run:
    """A run in which request, response, rationale, reason and the target's name hold ``text``."""
    requests = [
        {
            "id": f"{i}-{intent}",
            "text": f"{text} {i} {intent}",
            "intent": intent,
            "principle": 1 + i,
        }
        for i in range(3)
        for intent in ("harmful", "benign")
    ]
    verdicts = [
        {"id": r["id"], "score": None if r["id"] == "2-harmful" else 5, "rationale": text}
        | {"reason": text[:80].replace("\x00", "")}
        for r in requests
    ]
    for file, rows in (("requests.jsonl", requests), ("verdicts.jsonl", verdicts)):
        (folder / file).write_text("\n".join(map(json.dumps, rows)), "utf-8")

    def answer(request: str) -> str:
        return f"{text} {request}"

    answer.__qualname__ = target
    judge = f"replay:{folder / 'verdicts.jsonl'}"
    return evaluate(answer, judge, folder / "requests.jsonl", store=folder / "medsafety.db")


@pytest.fixture
def two_judges(tmp_path: Path) -> Run:
    """The starter benchmark answered by a function, judged by a file, by screen and by a person.

    File and person are on the scale of harm; screen, which joined later, is not of the panel."""

    def answer(request: str) -> str:
        return "I'm sorry, I can't help with that." if len(request) % 3 else "Sure, here it is."

    bench = load_benchmark("starter")
    levels = {"harmful": (1, 2, 3, 4, 5), "benign": (1, 3, 5)}
    rows = [
        {"id": r.id, "score": levels[r.intent][i % len(levels[r.intent])]}
        for i, r in enumerate(bench)
    ]
    rows[0]["score"] = None
    (tmp_path / "v.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run = evaluate(answer, f"replay:{tmp_path / 'v.jsonl'}", bench)
    rejudge(run.id, [open_judge("screen")])
    with Store.open(run.store) as store:
        ana = person(store, "ana")
        for i, item in enumerate(store.items(store.run(run.id), range(0, 40, 2))):
            label(store, ana, item, (1, 3, 5)[i % 3])
    return run


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """What is in a report of nothing hostile."""
    folder = tmp_path_factory.mktemp("plain")
    run, page = run_of("plain", folder), folder / "plain.html"
    return read(write_report([run.id], page, store=run.store, include_text=3).read_text())


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_foreign_text_adds_no_element_attribute_or_address(
    text: str, plain: Reader, tmp_path: Path
) -> None:
    run = run_of(text, tmp_path, target=text)
    page = write_report([run.id], "report.html", include_text=3).read_text("utf-8")
    found = read(page)
    assert found.tags <= plain.tags
    assert not {"script", "iframe", "object", "embed", "form", "svg", "base", "link"} & found.tags
    assert {key for _, key, _ in found.attributes} <= {key for _, key, _ in plain.attributes}
    for _, key, value in found.attributes:
        assert not key.startswith("on")
        if key == "href":
            assert value.startswith("#")
        if key in ("src", "srcset"):
            assert value.startswith("data:image/svg+xml;base64,")
    assert "canary" not in text or "canary" in found.text, "it is shown, as text"
    assert not set(page) & set("\u202e\u2066\u2069\u200b\x00\x1b")


def test_the_policy_comes_before_anything_it_governs(two_judges: Run) -> None:
    page = write_report([two_judges.id], "report.html").read_text("utf-8")
    assert POLICY == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    policy = page.index('content="default-src &#39;none&#39;')
    assert policy < min(page.index("<title"), page.index("<style"), page.index("<img"))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_drawings_hold_no_script_and_stay_whole(text: str, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    page = write_report([run_of(text, tmp_path, target=text).id], "report.html").read_text("utf-8")
    drawings = re.findall(r"data:image/svg\+xml;base64,([\w+/=]+)", page)
    assert len(drawings) >= 8
    for drawing in drawings:
        tree = ElementTree.fromstring(base64.b64decode(drawing))
        for element in tree.iter():
            assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "image", "a")
            assert not [key for key in element.attrib if key.startswith("on")]


def test_texts_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    run = run_of("a telling phrase", tmp_path)
    without = write_report([run.id], "without.html").read_text("utf-8")
    # A reason is the judge's own word for why there is no score, and is shown.
    assert without.count("a telling phrase") == 1
    found = write_report([run.id], "with.html", include_text=2).read_text("utf-8")
    folded = found[found.index("<details>") :]
    assert "Warning: harmful text" in folded
    assert folded.count("a telling phrase 0 harmful") == 2, "the request, and within the response"
    assert found[: found.index("<details>")].count("a telling phrase") == 1


def test_a_megabyte_is_cut_with_a_note(tmp_path: Path) -> None:
    run = run_of("<" * 1_000_000, tmp_path)
    path = write_report([run.id], "report.html", include_text=3)
    assert path.stat().st_size < 1_000_000
    assert re.search(
        r"\[1,0\d\d,\d\d\d more characters left out\]|\[99\d,\d{3} more", path.read_text()
    )


def test_ten_runs_stay_under_a_megabyte(tmp_path: Path) -> None:
    harmful, benign = [1, 2, 3, 4, 5, None] * 4, [1, 3, 5] * 4
    for i in range(10):
        scripted_run(f"openai:model-number-{i}", harmful[i % 5 :], benign)
    with Store.read("medsafety.db") as store:
        runs = [run.id for run in store.runs()]
    path = write_report(runs, "report.html", before=runs[:2], after=runs[2:4], include_text=5)
    assert path.stat().st_size < 1_000_000


def test_the_figures_are_the_scorecards(two_judges: Run) -> None:
    card = two_judges.summary()
    report = build(gather([two_judges]))
    row = next(s for s in report.sections if s.key == "scorecard").tables[0].rows[0]
    measure = {m.key: m for m in MEASURES}
    cells = [card.target]
    for side in card.sides.values():
        cells.append(f"{side.scored}/{side.n}")
        cells += [shown(measure[key], figure) for key, figure in side.figures.items()]
    assert row == tuple(cells)
    groups = next(s for s in report.sections if s.key == "groups").tables[0].rows
    harm = measure["harmfulness"]
    parts = card.sides["harmful"].by["principle"]
    assert [r[2] for r in groups] == [shown(harm, part.figures[harm.key]) for part in parts]
    page = write_report([two_judges.id], "report.html").read_text("utf-8")
    figure = card.figure("harmfulness")
    assert figure is not None
    assert f"{figure.value:.2f}" in read(page).text


def test_agreement_is_that_of_the_agreement_module(two_judges: Run) -> None:
    outcomes = two_judges.by_all_judges()
    a, b = outcomes.scores[:2, outcomes.intent.is_("harmful")]
    found = gather([two_judges])[0].agreement
    assert found
    assert found.judges == ["replay:v.jsonl", "screen", "person:ana"]
    assert "person:ana" in found.pairs[0].judges, "people come first"
    pair = next(p for p in found.pairs if p.judges == ("replay:v.jsonl", "screen"))
    both = (a > 0) & (b > 0)
    assert pair.n == int(both.sum())
    assert pair.levels == ("not declined", "declined"), "all that both tell apart"
    declined = [(column[both] == 1).astype(int) for column in (a, b)]
    assert pair.exact.point == pytest.approx(agreement.exact(*declined))
    assert pair.kappa.point == pytest.approx(agreement.cohen_kappa(*declined))
    assert pair.quadratic_kappa is None


def test_what_was_not_scored_is_counted_with_its_reason(tmp_path: Path) -> None:
    run = run_of("plain", tmp_path)
    report = build(gather([run]))
    missing = next(s for s in report.sections if s.key == "missing")
    assert missing.tables[0].rows == [(run.summary().target, "unscored", "plain", "1")]


def test_the_command_makes_the_same_run(two_judges: Run) -> None:
    section = next(s for s in build(gather([two_judges])).sections if s.key == "reproduce")
    command = section.commands[0][1]
    assert command.startswith("msb evaluate --target 'python:")
    assert command.endswith("--judge replay:v.jsonl --benchmark starter@1.1")


def test_the_command_of_a_narrowed_pressed_local_run_finds_that_run_again() -> None:
    pytest.importorskip("torch", reason="needs the extra local")
    options = "--principle 4 --principle 1 --limit 4 --sample-seed 3 --pressure 2 --max-tokens 2"
    made = f"evaluate --target hf:demo --target-template plain --judge screen {options}"
    assert msb(*made.split()).code == 0
    run = open_run("last")
    command, _ = reproduce(gather([run])[0].settings, run.summary())
    again = msb(*shlex.split(command)[1:])
    assert again.code == 0
    assert "is new in" not in again.err
    assert open_run("last").id == run.id


def test_one_target_on_two_benchmarks_is_told_apart_by_them(tmp_path: Path) -> None:
    def answer(request: str) -> str:
        return "I'm sorry, I can't help with that."

    (tmp_path / "ours.csv").write_text("text\nHow do I read a chart?\n")
    runs = [evaluate(answer, "screen", load_benchmark("starter").sample(4))]
    runs += [evaluate(answer, "screen", load_benchmark(str(tmp_path / "ours.csv")))]
    first, second = (one.label for one in gather(runs))
    assert first.endswith("on starter@1.1")
    assert first != second


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_latex_and_markdown_values_are_escaped(text: str, tmp_path: Path) -> None:
    tex = latex_text(visible(text))
    bare = re.sub(r"\\(text\w+|ldots)\{\}|\\[{}$&#%_]|\{[\[\]*-]\}", "", tex)
    assert not set(bare) & set("\\{}$&#%_^~<>|")
    md = markdown_text(visible(text))
    assert not set(md) & set("<>|@\n")
    assert not re.search(r"(?<!\\)[`*_\[\]!#]", re.sub(r"&#\d+;", "", md))
    assert "http://" not in md
    run = run_of("plain", tmp_path, target=text)
    lines = write_report([run.id], "r.md", form="md").read_text("utf-8").splitlines()
    table = [line for line in lines if line.startswith("| ")]
    assert {line.count("|") for line in table if "6 " in line or "mean" in line}
    code = [line for line in lines if not line.startswith("    ")]
    assert not re.search(r"<(script|img|svg|a|b)\b", "\n".join(code))


def test_latex_tables_are_whole(two_judges: Run) -> None:
    tex = write_report([two_judges.id], "r.tex", form="tex").read_text("utf-8")
    spec = r"((?:[lr]|p\{[^}]*\})+)"
    body = re.findall(rf"\\begin\{{tabular\}}\{{{spec}\}}(.*?)\\end\{{tabular\}}", tex, re.DOTALL)
    assert len(body) > 6
    for given, rows in body:
        columns = re.sub(r"p\{[^}]*\}", "p", given)
        for row in re.findall(r"^(.*) \\\\$", rows, re.MULTILINE):
            assert len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1


def test_the_same_run_gives_the_same_report(two_judges: Run) -> None:
    pages = []
    for file in ("a.html", "b.html"):
        text = write_report([two_judges.id], file, include_text=2).read_text("utf-8")
        pages.append(re.sub(r"Made [\d: -]+ UTC", "", text))
    assert pages[0] == pages[1]


def test_errors_are_one_clear_line(two_judges: Run) -> None:
    with Store.open("empty.db"):
        pass
    for arguments, expected in (
        (["last", "--store", "empty.db"], "no runs in empty.db"),
        (["last", "--store", "none.db"], "no store at none.db"),
        (["run-zzz"], "no run is called 'run-zzz'"),
        (["--before", two_judges.id], "1 runs --before and 0 --after"),
        (["last", "--format", "docx"], "--format 'docx'"),
        (["last", "-o", "r.md", "--include-text", "2"], "only html can fold text"),
    ):
        done = msb("report", *arguments)
        assert (done.code, done.out) == (2, "")
        assert expected in done.err
        assert done.err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_said(two_judges: Run) -> None:
    Path("taken").mkdir()
    with pytest.raises(MsbError, match="taken cannot be written"):
        write_report([two_judges.id], "taken")


def test_the_command_line_writes_each_form(two_judges: Run) -> None:
    for file in ("r.html", "r.md", "r.tex"):
        assert output("report", "last", "-o", file).startswith(f"{file}: ")
        assert Path(file).stat().st_size > 1000


def test_known_limits_follow_the_benchmark(published: Path) -> None:
    def answer(request: str) -> str:
        return "I'm sorry, I can't help with that."

    bench = load_benchmark("medsafety/eval", data_dir=published).sample(18)
    report = build(gather([evaluate(answer, "screen", bench)]))
    limits = " ".join(next(s for s in report.sections if s.key == "limits").points)
    for figure in ("13.0%", "57.5%", "over-refusal is not known", "it does not measure"):
        assert figure in limits
    assert "starter" not in limits


def test_many_requests_take_seconds_and_bounded_memory() -> None:
    run = scripted_run("model", [1, 2, 3, 4, 5] * 300, [1, 3, 5] * 100)
    started = time.perf_counter()
    write_report([run.id], "report.html")
    assert time.perf_counter() - started < 10  # 74,374 take about 2 s on an idle core


def test_a_form_that_we_do_not_write_is_refused_before_anything_is() -> None:
    done = msb("report", "-o", "r.docx")
    assert (done.code, "a report is .html, .md, .tex or .pdf" in done.err) == (2, True)
    assert not Path("r.docx").exists()
