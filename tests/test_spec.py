"""One spec, however it is told: by the command line, a file, a study's entry or Python."""

from __future__ import annotations

import inspect
import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from commands import msb, of_before
from conftest import ROOT, Server
from medsafetybench import evaluate, load_benchmark, open_run
from medsafetybench.demo import respond
from medsafetybench.errors import MsbError
from medsafetybench.evaluation import evaluation
from medsafetybench.evaluation.option import (
    GROUPS,
    NAMES,
    PAIRS,
    PRICE,
    Option,
    group_of,
    options,
)
from medsafetybench.evaluation.options import JudgeOptions, TargetOptions
from medsafetybench.evaluation.spec import EvaluationSpec, command_line, specified, told
from medsafetybench.evaluation.spec_file import read_spec, written
from medsafetybench.models.settings import Endpoint, Price
from medsafetybench.studies import read_study

FIXTURES = Path(__file__).with_name("fixtures")


class Told(Exception):
    """Carries the spec that a command was about to carry out."""

    def __init__(self, spec: EvaluationSpec) -> None:
        super().__init__("told")
        self.spec = spec


@pytest.fixture
def by_command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., EvaluationSpec]:
    """What ``msb evaluate`` with these options would carry out."""

    @contextmanager
    def stop(spec: EvaluationSpec) -> Iterator[None]:
        raise Told(spec)
        yield

    monkeypatch.setattr(evaluation, "prepare", stop)

    def spec(*line: str) -> EvaluationSpec:
        with pytest.raises(Told) as stopped:
            msb("evaluate", *line)
        return stopped.value.spec

    return spec


def by_file(text: str) -> EvaluationSpec:
    """What ``msb evaluate --from`` reads in a file."""
    Path("spec.yaml").write_text(text, "utf-8")
    return specified(**read_spec("spec.yaml"))


# Round trips


def some_value(name: str, option: Option, chance: random.Random) -> Any:
    """A value that the setting may have."""
    least = option.least or 0
    if name in ("target", "judge", "audit_judge"):
        return chance.choice(["openai:m", "hf:demo", "replay:a b.csv", "screen"])
    values: dict[type | str, list[Any]] = {
        PRICE: [Price(0, 0.25), Price(1.5, 2)],
        PAIRS: [{"top_p": 0.5, "stop": ["a", None]}, {"x": True, "y": "1"}, {"z": {}}],
        NAMES: [{"text": "prompt"}, {"id": "1", "text": "a=b"}],
        int: [int(least) + chance.randrange(1000)],
        float: [least + chance.randrange(100) / 8],
        bool: [True, False],
        Path: [Path("a.db"), Path("b c/d.db")],
        str: ["a", "-b", "null", "1", "é\n: x", "C: 'd'"],
    }
    return chance.choice(values[option.kind])


def some_spec(chance: random.Random) -> dict[str, Any]:
    """Settings by their names: some of them, each as any way of telling may have it."""
    known = options(EvaluationSpec)
    judges = [some_value("judge", known["judge"], chance) for _ in range(chance.randint(1, 3))]
    found: dict[str, Any] = {"target": "openai:m", "judge": judges}
    for name, option in known.items():
        if name in found or chance.random() < 0.5 or name == "audit_judge":
            continue
        if option.each and chance.random() < 0.5:
            values = [some_value(name, option, chance) for _ in judges]
            found[name] = [None if chance.random() < 0.2 else value for value in values]
        elif option.many:
            found[name] = [some_value(name, option, chance) for _ in range(chance.randint(0, 3))]
        else:
            found[name] = some_value(name, option, chance)
    if not found.get("pressure"):
        found.pop("converter", None)
    return found


SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_spec_tells_makes_an_equal_spec(seed: int) -> None:
    spec = specified(**some_spec(random.Random(seed)))
    assert specified(**told(spec)) == spec
    assert json.loads(json.dumps(told(spec))) == told(spec), "plain data, as a file holds it"
    assert by_file(written(spec)) == spec


@pytest.mark.parametrize("seed", SEEDS[:30])
def test_the_command_line_of_a_spec_makes_an_equal_spec(
    seed: int, by_command: Callable[..., EvaluationSpec]
) -> None:
    spec = specified(**some_spec(random.Random(seed)))
    if isinstance(spec.judge_param, tuple):
        with pytest.raises(MsbError, match="a file can say it for each"):
            command_line(spec)
        return
    assert by_command(*command_line(spec)) == spec


@pytest.mark.parametrize("name", [n for n in options(EvaluationSpec) if n != "target"])
def test_every_setting_comes_back_from_a_file(name: str) -> None:
    option = options(EvaluationSpec)[name]
    value: Any = some_value(name, option, random.Random(1))
    value = {str: "other", bool: True}.get(option.kind, value)  # type: ignore[call-overload]
    more = {"pressure": 2} if name == "converter" else {}
    spec = specified(target="openai:m", **more, **{name: value})
    assert spec != specified(target="openai:m", **more)
    assert by_file(written(spec)) == spec


# One vocabulary

SAME: dict[str, tuple[str, str, dict[str, Any]]] = {
    "who and where": (
        "--target openai:m --target-url http://h/v1 --target-key-env K --target-revision r "
        "--judge openai:j --judge-url http://j/v1 --target-concurrency 4",
        "{model: openai:m, url: http://h/v1, key_env: K, revision: r, concurrency: 4}\n"
        "{model: openai:j, url: http://j/v1}\nstarter",
        {
            "target": "openai:m",
            "target_url": "http://h/v1",
            "target_key_env": "K",
            "target_revision": "r",
            "target_concurrency": 4,
            "judge": "openai:j",
            "judge_url": "http://j/v1",
        },
    ),
    "a panel": (
        "--target a --judge screen --judge openai:j --judge-url= --judge-url http://j/v1 "
        "--judge-concurrency 32 --judge-concurrency 5 --rubric paper",
        "{model: a}\n"
        "screen, {model: openai:j, url: http://j/v1, concurrency: 5}\n"
        "{name: starter, rubric: paper}",
        {
            "target": "a",
            "judge": ["screen", "openai:j"],
            "judge_url": [None, "http://j/v1"],
            "judge_concurrency": [None, 5],
            "rubric": "paper",
        },
    ),
    "sampling": (
        "--target a --temperature 0.5 --max-tokens 9 --seed 3 --system Careful. "
        "--target-param top_p=0.5 --target-param stop=null",
        "{model: a, temperature: 0.5, max_tokens: 9, seed: 3, system: Careful., "
        "params: {top_p: 0.5, stop: null}}\nscreen\nstarter",
        {
            "target": "a",
            "temperature": 0.5,
            "max_tokens": 9,
            "seed": 3,
            "system": "Careful.",
            "target_param": {"top_p": 0.5, "stop": None},
        },
    ),
    "requests": (
        "--target a --benchmark b.csv --source x --source y --principle 4 --intent harmful "
        "--column text=prompt --limit 5 --sample-seed 2 --pressure 3",
        "{model: a}\nscreen\n{name: b.csv, sources: [x, y], principles: [4], intents: [harmful], "
        "columns: {text: prompt}, limit: 5, seed: 2, pressure: 3}",
        {
            "target": "a",
            "benchmark": "b.csv",
            "source": ["x", "y"],
            "principle": [4],
            "intent": "harmful",
            "column": {"text": "prompt"},
            "limit": 5,
            "sample_seed": 2,
            "pressure": 3,
        },
    ),
    "both and one": (
        "--target hf:a --timeout 7 --judge hf:j --judge-timeout 9 --target-dtype float32",
        "{model: hf:a, timeout: 7, dtype: float32}\n{model: hf:j, timeout: 9}\nstarter",
        {
            "target": "hf:a",
            "judge": "hf:j",
            "target_timeout": 7,
            "judge_timeout": 9.0,
            "target_dtype": "float32",
        },
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_a_command_a_study_python_and_a_file_tell_the_same(
    case: str, by_command: Callable[..., EvaluationSpec]
) -> None:
    line, entries, keywords = SAME[case]
    target, judges, benchmark = entries.split("\n")
    Path("study.yaml").write_text(
        f"name: s\njudges: [{judges}]\nbenchmarks: [{benchmark}]\ntargets: [{target}]\n"
    )
    study = read_study("study.yaml")
    expected = EvaluationSpec(**keywords)
    assert by_command(*line.split()) == expected
    assert study.spec(study.targets[0], study.benchmarks[0]) == expected
    assert specified(**keywords) == expected
    assert by_file(yaml.safe_dump(keywords)) == expected


def test_one_value_for_all_judges_is_one_for_each() -> None:
    one = specified("a", ["x", "y"], judge_url="u", judge_timeout=3)
    each = specified("a", ["x", "y"], judge_url=["u", "u"], judge_timeout=[3, 3.0])
    assert one == each
    assert [judge.endpoint.url for judge in one.judges] == ["u", "u"]


def test_a_setting_for_both_is_one_for_each_role() -> None:
    both = specified("a", "x", timeout=3)
    assert both == specified("a", "x", target_timeout=3, judge_timeout=3)
    apart = specified("a", "x", timeout=3, judge_timeout=4)
    assert (apart.target_endpoint.timeout, apart.judges[0].endpoint.timeout) == (3, 4)
    assert both != apart


def test_the_auditing_judge_is_the_last_of_those_told() -> None:
    spec = specified("a", "x", audit_judge="y", judge_url=["u", "v"], audit_n=7)
    assert [judge.endpoint for judge in spec.judges] == [Endpoint("u"), Endpoint("v")]
    assert spec.audit_limit == 7


def test_the_page_of_help_has_every_setting_once_in_its_group() -> None:
    page = msb("evaluate", "--help").out
    parts = re.split(r"^(\w+):\n", page, flags=re.MULTILINE)[1:]
    named = {
        part: re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)
        for part, text in zip(parts[::2], parts[1::2], strict=True)
    }
    assert list(named) == list(GROUPS)
    of_command = {
        "Run": [
            *("--from", "--dry-run", "--gate", "--stop-early", "--wait", "--submit-only"),
            *("--allow-python", "--allow-keys"),
        ],
        "Output": ["--json"],
    }
    for part in GROUPS:
        own = [n for n in options(EvaluationSpec) if group_of(EvaluationSpec, n) == part]
        flags = [f"--{name.replace('_', '-')}" for name in own]
        assert sorted(named[part]) == sorted([*flags, *of_command.get(part, [])])


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (("rejudge",), JudgeOptions),
        (("import",), JudgeOptions),
        (("data", "audit"), JudgeOptions),
        (("build", "filter"), JudgeOptions),
        (("build", "contrast"), JudgeOptions),
        (("improve",), JudgeOptions),
        (("sweep",), JudgeOptions),
        (("capability",), TargetOptions),
        (("build", "elicit"), TargetOptions),
        (("build", "contrast"), TargetOptions),
        (("build", "answer"), TargetOptions),
    ],
)
def test_a_judge_or_a_target_is_told_of_by_the_same_names_everywhere(
    command: Sequence[str], kind: type
) -> None:
    role = "judge" if kind is JudgeOptions else "target"
    page = msb(*command, "--help").out
    called = [n for n in options(kind) if n.startswith(role)]
    if command in (("improve",), ("sweep",)):
        assert "--max-tokens" in page
    for name in called:
        if name in ("judge_price", "target_price", "target_param"):
            continue  # what costs nothing to say, and is not asked for in dollars
        if name == "judge_thinking" and command[0] in ("import", "data", "build"):
            continue  # no thought of a target comes with what they judge
        assert re.search(rf"--{name.replace('_', '-')}\b", page), name


@pytest.mark.parametrize(
    ("command", "old"),
    [
        (("annotate",), "--n"),
        (("evaluate",), "--audit-n"),
        (("build", "elicit"), "--model"),
        (("build", "elicit"), "--url"),
        (("build", "answer"), "--param"),
        (("build", "filter"), "--max-tokens"),
        (("build", "filter"), "--key-env"),
    ],
)
def test_names_of_old_are_still_taken(command: Sequence[str], old: str) -> None:
    assert re.search(rf", {old}\b", msb(*command, "--help").out)


# What is told wrongly


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"jduge": "screen"}, "unknown setting of an evaluation 'jduge'; did you mean 'judge'?"),
        ({"target_ulr": "x"}, "did you mean 'target_url'?"),
        ({"limit": 0}, "limit 0; expected at least 1"),
        ({"limit": "all"}, "limit 'all'; expected a whole number"),
        ({"temperature": -1}, "temperature -1; expected at least 0"),
        ({"trust_remote_code": "yes"}, "trust_remote_code 'yes'; expected True or False"),
        ({"target_price": "cheap"}, "price 'cheap'; expected IN,OUT"),
        ({"target_price": 3}, "target_price 3; expected IN,OUT"),
        ({"judge_url": ["a", "b"]}, "judge_url is given 2 times for 1 judges; give it once for"),
        ({"column": "text=x"}, "column 'text=x'; expected names by our names"),
        ({"converter": "pyrit:X"}, "--converter was given without --pressure"),
    ],
)
def test_what_python_tells_wrongly_is_one_clear_line(
    keywords: dict[str, Any], expected: str
) -> None:
    with pytest.raises(MsbError) as error:
        evaluate(target="python:builtins:str", **keywords)
    assert expected in str(error.value)
    assert not Path("medsafety.db").exists()


def test_a_target_is_needed() -> None:
    with pytest.raises(MsbError, match="no target was given; expected one such as"):
        evaluate(judge="screen")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target: a\njduge: x\n", "spec.yaml:2: unknown key 'jduge'; did you mean 'judge'?"),
        ("target: a\nlimit: 0\n", "spec.yaml:2: limit: input should be greater than or equal to 1"),
        ("target: a\nlimit: all\n", "spec.yaml:2: limit: input should be a valid integer"),
        ("judge: x\n", "spec.yaml:1: key 'target' is missing"),
        ("target: a\ntarget: b\n", "spec.yaml:2: key 'target' is there already, at line 1"),
        ("target: [a\n", "not YAML"),
        ("just text\n", "spec.yaml:1: expected keys such as target"),
    ],
)
def test_what_a_file_tells_wrongly_is_said_with_its_line(text: str, expected: str) -> None:
    Path("spec.yaml").write_text(text)
    done = msb("evaluate", "--from", "spec.yaml")
    assert (done.code, done.out) == (2, "")
    assert expected in done.err
    assert done.err.count("\n") == 1


def test_evaluate_has_the_parameters_of_the_spec() -> None:
    assert inspect.signature(evaluate) == inspect.signature(EvaluationSpec)
    assert list(inspect.signature(evaluate).parameters)[:3] == ["target", "judge", "benchmark"]


# Files and runs


def replayed() -> list[str]:
    Path("ours.csv").write_text("id,prompt\na,How?\nb,Why?\nc,Who?\n")
    Path("said.csv").write_text("id,response\na,So.\nb,Thus.\nc,They.\n")
    Path("verdicts.csv").write_text("id,score\na,1\nb,2\nc,5\n")
    files = ["--target", "replay:said.csv", "--judge", "replay:verdicts.csv", "--column"]
    return [*files, "text=prompt", "--benchmark", "ours.csv", "--timeout", "9"]


def test_a_run_shows_the_file_that_makes_it_again() -> None:
    assert msb("evaluate", *replayed(), "--judge", "screen").code == 0
    shown = msb("show", "last", "--spec")
    assert shown.code == 0
    Path("again.yaml").write_text(shown.out)
    again = msb("evaluate", "--from", "again.yaml", "--dry-run", "--json")
    plan = json.loads(again.out)
    assert plan["run"] == open_run().id
    assert [share["calls"] for share in (plan["target"], *plan["judges"])] == [0, 0, 0]
    data = json.loads(msb("show", "--json").out)
    assert specified(**data["spec"]) == specified(**read_spec("again.yaml"))
    assert data["spec"]["timeout"] == 9


def test_the_command_line_comes_before_the_file(by_command: Callable[..., EvaluationSpec]) -> None:
    Path("spec.yaml").write_text("target: a\nlimit: 5\njudge: [x, y]\nsource: [s]\n")
    spec = by_command("--from", "spec.yaml", "--limit", "7", "--judge", "z", "--seed", "1")
    assert spec == specified("a", "z", limit=7, source=["s"], seed=1)


def test_judges_that_came_later_are_in_the_file() -> None:
    msb("evaluate", *replayed())
    assert msb("rejudge", "--judge", "screen").code == 0
    spec = specified(**yaml.safe_load(msb("show", "--spec").out))
    assert spec.judge == ("replay:verdicts.csv",), "it is reported as it was"
    assert msb("rejudge", "--judge", "screen", "--join").code == 0
    spec = specified(**yaml.safe_load(msb("show", "--spec").out))
    assert spec.judge == ("replay:verdicts.csv", "screen")
    assert spec.column == {"text": "prompt"}


def test_a_function_of_a_module_goes_by_its_name() -> None:
    run = evaluate(respond, benchmark="starter/eval", limit=4)
    spec = specified(**yaml.safe_load(msb("show", "--spec").out))
    assert spec.target == "python:medsafetybench.demo:respond"
    assert evaluate(**told(spec)).id == run.id


def test_requests_in_memory_are_shown_by_their_name() -> None:
    evaluate(respond, benchmark=load_benchmark("starter/eval", principles=[4]))
    assert yaml.safe_load(msb("show", "--spec").out)["principle"] == [4]


def test_an_imported_run_has_no_evaluation_to_show() -> None:
    Path("log.csv").write_text("text,response,score\nHow?,So.,1\n")
    assert msb("import", "log.csv", "--format", "table").code == 0
    done = msb("show", "--spec")
    assert done.code == 2
    assert "was imported; `msb import FILE` makes it" in done.err


# Runs made before

SERVER = "http://127.0.0.1:18475/v1"
GIVEN = f"--max-tokens 64 --retries 0 --judge-url {SERVER}"
RELEASED = f"--target-url {SERVER} --target-revision v1"
AUDITED = "--temperature 0.7 --seed 3 --target-param top_p=0.9 --audit-judge openai:judge-c"
MADE = {
    "a": f"--target openai:model-a {RELEASED} --judge openai:judge-a",
    "b": f"--target openai:model-b --target-url {SERVER} --judge openai:judge-a",
    "panel": f"--target openai:model-c {RELEASED} --judge openai:judge-a --judge openai:judge-b",
    "audited": f"--target openai:model-d {RELEASED} --judge openai:judge-a "
    "--audit-judge openai:judge-b --audit-n 10",
    "audited-panel": f"--target openai:model-c {RELEASED} {AUDITED} --audit-n 12 "
    "--judge openai:judge-a --judge openai:judge-b",
    "screened": f"--target openai:model-s {RELEASED} --judge screen",
    "function": "--target python:medsafetybench.demo:respond --judge screen",
    "other-ids": f"--target openai:model-a {RELEASED} --judge openai:judge-a",
    "other-texts": f"--target openai:model-a {RELEASED} --judge openai:judge-a",
    "interrupted": f"--target openai:model-x {RELEASED} --judge openai:judge-a "
    "--target-concurrency 1",
}
SAID = json.loads((FIXTURES / "store-v1.json").read_text("utf-8"))
RUNS = SAID["runs"]
FIELDS = ("id", "text", "intent", "principle", "source", "reference", "pair")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The store that version 0.1.0 made; each run's requests stand beside it in a file."""
    query = f"""SELECT r.id, {", ".join(f"q.{name}" for name in FIELDS)} FROM items i
        JOIN runs r ON r.number = i.run JOIN requests q ON q.key = i.request
        ORDER BY i.run, i.position"""
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(FIXTURES / "store-v1.db")) as db:
        for run, *values in db.execute(query):
            found.setdefault(run, []).append(json.dumps(dict(zip(FIELDS, values, strict=True))))
    for label, run in RUNS.items():
        Path(f"{label}.jsonl").write_text("\n".join(found[run["id"]]))
    return Path(shutil.copyfile(FIXTURES / "store-v1.db", tmp_path / "old.db"))


def planned(old: Path, label: str, *line: str) -> dict[str, Any]:
    """What is left of a run, by the command that made it or the one given."""
    asked = ("--benchmark", f"{label}.jsonl", "--store", str(old), "--dry-run", "--json")
    done = msb("evaluate", *(line or [*MADE[label].split(), *GIVEN.split()]), *asked)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def errors(label: str) -> int:
    """Requests that the target had not answered."""
    return sum(row["state"] in ("error", "pending") for row in RUNS[label]["rows"])


@pytest.mark.parametrize("label", MADE)
def test_a_run_made_before_is_the_same_run_today(label: str, old: Path) -> None:
    line = [*MADE[label].split(), *GIVEN.split()]
    line += ["--system", "You are a careful assistant."] if label == "audited-panel" else []
    plan = planned(old, label, *line)
    if label == "function":  # what its code was then, nobody knows: it is other work
        assert plan["run"] != RUNS[label]["id"]
        assert plan["target"]["calls"] == plan["n"]
        return
    assert plan["run"] == RUNS[label]["id"]
    assert plan["target"]["calls"] <= errors(label)


def test_what_is_left_of_a_run_made_before_is_what_was_left(old: Path) -> None:
    asked = [answer for answer in SAID["answers"] if answer["command"][0] == "evaluate"]
    for answer, label in zip(asked, ("a", "interrupted"), strict=True):
        plan = planned(old, label, *answer["command"][1:])
        assert of_before(plan, answer["said"]) == answer["said"]


def test_the_local_run_made_before_is_the_same_run_today(old: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra local")
    plan = planned(old, "rejudged", *"--target hf:demo --max-tokens 24 --judge screen".split())
    assert (plan["run"], plan["target"]["calls"]) == (RUNS["rejudged"]["id"], 0)


def test_of_the_pressed_run_made_before_no_answer_is_asked_for_again(old: Path) -> None:
    line = f"{MADE['a']} {GIVEN} --pressure 3 --limit 18"
    Path("a.jsonl").rename("mixed.jsonl")  # what it was called then
    assert planned(old, "mixed", *line.split())["target"]["calls"] == errors("pressed")


@pytest.mark.parametrize("label", ["a", "b", "panel", "screened", "audited-panel"])
def test_the_file_of_a_run_made_before_finds_it_again(label: str, old: Path) -> None:
    identity = RUNS[label]["id"]
    Path("old.yaml").write_text(msb("show", identity, "--spec", "--store", str(old)).out)
    known = () if label == "b" else ("--target-url", SERVER)
    assert planned(old, label, "--from", "old.yaml", *known)["run"] == identity


# What is asked of a server


def test_params_timeouts_and_keys_reach_the_judge_that_they_are_for(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = serve("--key", "first-key-1"), serve("--key", "second-key-2")
    monkeypatch.setenv("ONE", "first-key-1")
    monkeypatch.setenv("OTHER", "second-key-2")
    run = evaluate(
        "python:medsafetybench.demo:respond",
        ["openai:judge", "openai:judge-2"],
        "starter/eval",
        limit=4,
        judge_url=[one.url, other.url],
        judge_key_env=["ONE", "OTHER"],
        judge_concurrency=[1, 2],
    )
    assert run.summary().counts.scored == 4
    assert one.counts()["judge"] == other.counts()["judge"] == 4


def test_documented_settings_exist() -> None:
    """Each setting that README and docs name in Python is one."""
    known = set(inspect.signature(evaluate).parameters)
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for call in re.findall(r"\bevaluate\(([^()]*)\)", path.read_text("utf-8")):
            assert set(re.findall(r"(\w+)=", call)) <= known, path
