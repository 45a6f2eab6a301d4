"""Targets that are no model: a function of one's own, and responses collected elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import json
import linecache
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import forked
from medsafetybench.errors import BudgetSpent, MsbError, StopRun
from medsafetybench.models import Budget, Meter
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Request, Response
from medsafetybench.targets import as_typed, open_target
from medsafetybench.targets.python import PythonTarget, import_function
from medsafetybench.targets.replay import ReplayTarget

REQUEST = Request("own/1", "How?")


def respond(target: PythonTarget | ReplayTarget, *requests: Request) -> list[Response]:
    """Ask a target all of these at once."""

    async def ask() -> list[Response]:
        try:
            return await asyncio.gather(*(target.respond(r) for r in requests or [REQUEST]))
        finally:
            await target.close()

    return asyncio.run(ask())


def answer(function: Callable[[str], Any], **settings: Any) -> Response:
    return respond(PythonTarget(function, **settings))[0]


def refused(spec: str) -> str:
    """The one line that a target is refused with."""
    with pytest.raises(MsbError) as raised:
        open_target(spec)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# A function of one's own


def sync(text: str) -> str:
    return f"Answer to {text}"


async def asynchronous(text: str) -> str:
    await asyncio.sleep(0)
    return f"Answer to {text}"


class Application:
    """An object that is called, as many frameworks have it."""

    def __call__(self, text: str) -> str:
        return sync(text)


class AsyncApplication:
    async def __call__(self, text: str) -> str:
        return await asynchronous(text)


def two(prefix: str, text: str) -> str:
    return f"{prefix} {text}"


async def two_async(prefix: str, text: str) -> str:
    return f"{prefix} {text}"


FUNCTIONS = {
    "sync": sync,
    "async": asynchronous,
    "an object": Application(),
    "an object with async": AsyncApplication(),
    "partial": partial(two, "Answer to"),
    "partial async": partial(two_async, "Answer to"),
    "lambda": lambda text: f"Answer to {text}",
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_function_of_any_kind_is_a_target(kind: str) -> None:
    response = answer(FUNCTIONS[kind])
    assert (response.text, response.error) == ("Answer to How?", None)
    assert (response.latency or -1) >= 0


def raising(error: BaseException) -> Callable[[str], str]:
    def function(_: str) -> str:
        raise error

    return function


async def raising_async(_: str) -> str:
    raise ValueError("no\nsuch index")


FAILING = {
    "an exception": (raising(ValueError("no\nsuch index")), "ValueError: no such index"),
    "an exception in async": (raising_async, "ValueError: no such index"),
    "a timeout of its own": (raising(TimeoutError("database")), "TimeoutError: database"),
    "an iterator at its end": (raising(StopIteration()), "RuntimeError: StopIteration()"),
    "half a character": (raising(ValueError("half \ud83e one")), "ValueError: half ? one"),
    "leaving": (raising(SystemExit(3)), "RuntimeError: SystemExit(3)"),
}


@pytest.mark.parametrize("case", FAILING)
def test_an_exception_is_that_requests_error_on_one_line(case: str) -> None:
    function, expected = FAILING[case]
    response = answer(function, timeout=5)
    assert (response.text, response.error) == ("", expected)


def test_one_exception_leaves_the_other_requests_alone() -> None:
    target = PythonTarget(lambda text: text if text != "bad" else text[99])
    responses = respond(target, *(Request(str(n), t) for n, t in enumerate(["a", "bad", "b"])))
    assert [r.text for r in responses] == ["a", "", "b"]
    assert [bool(r.error) for r in responses] == [False, True, False]


@pytest.mark.parametrize("nothing", [None, "", "  "], ids=repr)
def test_nothing_is_an_empty_response_and_no_error(nothing: str | None) -> None:
    assert answer(lambda _: nothing).empty


@pytest.mark.parametrize("wrong", [5, b"bytes", ["text"], {"text": "t"}], ids=repr)
def test_what_is_no_text_stops_the_run_and_names_the_type(wrong: object) -> None:
    with pytest.raises(StopRun, match=f"returned {type(wrong).__name__}; expected str or None"):
        answer(lambda _: wrong)


def test_half_a_character_can_still_be_stored() -> None:
    assert answer(lambda _: "half \ud83e one").text.encode() == b"half ? one"


async def hang_async(_: str) -> str:
    await asyncio.sleep(30)
    return "late"


@pytest.mark.parametrize("function", [hang_async, lambda _: time.sleep(1)], ids=["async", "sync"])
def test_no_answer_in_time_is_that_requests_error(function: Callable[[str], Any]) -> None:
    started = time.monotonic()
    assert answer(function, timeout=0.1).error == "no answer within 0.1 s"
    assert time.monotonic() - started < 0.9


def test_calls_that_hang_take_no_other_calls_place() -> None:
    released = threading.Event()
    target = PythonTarget(lambda text: released.wait(5) and text, concurrency=1, timeout=0.1)

    async def ask() -> Response:
        for _ in range(3):
            await target.respond(REQUEST)
        released.set()
        return await target.respond(REQUEST)

    assert asyncio.run(ask()).text == "How?"


def test_threads_are_used_again() -> None:
    seen: set[int] = set()
    target = PythonTarget(lambda text: seen.add(threading.get_ident()) or text)

    async def ask() -> None:
        for _ in range(20):
            await target.respond(REQUEST)
        await target.close()

    asyncio.run(ask())
    assert len(seen) == 1


def test_sync_functions_run_beside_each_other() -> None:
    together = threading.Barrier(8, timeout=5)
    responses = respond(PythonTarget(lambda _: f"{together.wait()}"), *[REQUEST] * 8)
    assert sorted(r.text for r in responses) == list("01234567")


def test_a_function_that_hangs_does_not_keep_the_command_from_ending() -> None:
    Path("app.py").write_text("import time\ndef hang(text): time.sleep(60)\n")
    Path("ours.csv").write_text("id,text\na,How?\n")
    Path("verdicts.csv").write_text("id,score\na,1\n")
    command = [
        *("evaluate", "--target", "python:app:hang"),
        *("--judge", "replay:verdicts.csv", "--benchmark", "ours.csv", "--timeout", "0.1"),
    ]
    done = forked.start(*command).ended(timeout=30)
    assert (done.returncode, "1 errors" in done.stderr) == (3, True), "nothing was scored"


def test_calls_are_counted_and_paid_from_the_budget() -> None:
    target = PythonTarget(sync, meter=Meter(Budget(1)))
    assert respond(target)[0].text
    with pytest.raises(BudgetSpent):
        respond(target)
    assert target.meter.calls == 1


def test_a_new_revision_is_new_work() -> None:
    one, two = (PythonTarget(sync, revision).fingerprint for revision in ("v1", "v2"))
    assert one != two


# Importing it


def test_a_function_is_imported_from_the_current_folder() -> None:
    Path("mine_here.py").write_text("def answer(text): return 'From here.'\n")
    target = open_target("python:mine_here:answer", Endpoint())
    assert asyncio.run(target.respond(REQUEST)).text == "From here."


def test_a_method_of_an_object_can_be_named() -> None:
    Path("mine_object.py").write_text(
        "class App:\n    def answer(self, text): return 'From a method.'\napp = App()\n"
    )
    target = open_target("python:mine_object:app.answer")
    assert asyncio.run(target.respond(REQUEST)).text == "From a method."


IMPORTS = {
    "no function": ("python:mine", "", "expected python:package.module:function"),
    "no module": ("python:mine_absent:f", "", "cannot import mine_absent: ModuleNotFoundError"),
    "a module of no name": ("python::f", "", "cannot import"),
    "a relative one": ("python:.mine:f", "", "cannot import .mine"),
    "no such function": ("python:mine_a:f", "def g(text): ...", "mine_a has no f"),
    "no such method": ("python:mine_b:g.h", "def g(text): ...", "mine_b has no g.h"),
    "no function at all": ("python:mine_c:f", "f = 5", "f is a int, no function"),
    "a syntax error": ("python:mine_d:f", "def f(:\n", "cannot import mine_d: SyntaxError"),
    "an error on import": ("python:mine_e:f", "1 / 0", "cannot import mine_e: ZeroDivisionError"),
    "a missing dependency": ("python:mine_f:f", "import nowhere_1", "No module named 'nowhere_1'"),
    "a module that needs a key": (
        "python:mine_g:f",
        "import os\nos.environ['NO_SUCH_KEY']",
        "cannot import mine_g: KeyError: 'NO_SUCH_KEY'",
    ),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_what_cannot_be_imported_is_one_clear_line(case: str) -> None:
    spec, source, expected = IMPORTS[case]
    if source:
        Path(f"{spec.split(':')[1]}.py").write_text(source)
    line = refused(spec)
    assert line.startswith(f"target {spec}")
    assert expected in line


@pytest.mark.parametrize(
    ("given", "nearest"), [("opnai:m", "openai"), ("pyton:a:b", "python"), ("repaly:f", "replay")]
)
def test_an_unknown_scheme_suggests_the_nearest(given: str, nearest: str) -> None:
    scheme = given.partition(":")[0]
    assert refused(given) == f"unknown target scheme '{scheme}'; did you mean '{nearest}'?"


@pytest.mark.parametrize("scheme", ["openai", "python", "replay"])
def test_a_scheme_alone_says_what_is_missing(scheme: str) -> None:
    assert f"expected {scheme}:NAME" in refused(f"{scheme}:")


def test_a_system_prompt_is_for_models() -> None:
    with pytest.raises(MsbError, match="a python target has prompts of its own"):
        open_target(sync, system="Be kind.")


# Responses collected elsewhere


def replay(*collected: dict[str, Any]) -> ReplayTarget:
    Path("said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in collected))
    return ReplayTarget(Path("said.jsonl"))


@pytest.mark.parametrize("key", [{"id": "own/1"}, {"text": "How?"}], ids=["id", "text"])
def test_a_response_is_found_by_id_or_by_text(key: dict[str, str]) -> None:
    (response,) = respond(replay({**key, "response": "So."}))
    assert (response.text, response.finish_reason) == ("So.", "stop")


def test_the_id_goes_before_the_text() -> None:
    target = replay({"id": "own/1", "response": "By id."}, {"text": "How?", "response": "By text."})
    assert respond(target)[0].text == "By id."


def test_a_request_without_a_response_is_an_error_and_no_empty_response() -> None:
    (response,) = respond(replay({"id": "other", "response": "So."}))
    assert response.error == "replay:said.jsonl has no response to own/1"


@pytest.mark.parametrize("nothing", [None, ""], ids=repr)
def test_a_response_that_is_empty_is_an_empty_response(nothing: str | None) -> None:
    assert respond(replay({"id": "own/1", "response": nothing}))[0].empty


def test_the_same_response_twice_is_no_conflict() -> None:
    assert respond(replay(*[{"id": "own/1", "response": "So."}] * 2))[0].text == "So."


def test_another_response_to_the_same_request_is_refused_with_its_line() -> None:
    with pytest.raises(MsbError, match=r"^said\.jsonl:2: a second, different response to 'own/1'"):
        replay({"id": "own/1", "response": "So."}, {"id": "own/1", "response": "Not so."})


@pytest.mark.parametrize("row", [{"id": "a"}, {"response": "So."}, {"answer": "So."}], ids=str)
def test_missing_columns_are_named_with_those_that_are_there(row: dict[str, str]) -> None:
    with pytest.raises(MsbError, match=r"^said\.jsonl:1: expected the columns") as raised:
        replay(row)
    assert str(raised.value).endswith(f"response, and id or text; found: {', '.join(row)}")


def test_a_file_that_is_not_there_is_named() -> None:
    assert refused("replay:absent.jsonl") == "absent.jsonl: no such file"


def test_the_same_responses_are_the_same_work_under_any_name() -> None:
    first = replay({"id": "own/1", "response": "So."})
    Path("said.jsonl").rename("elsewhere.jsonl")
    assert ReplayTarget(Path("elsewhere.jsonl")).fingerprint == first.fingerprint


# What a function is known by


def test_edited_code_is_another_target_unless_a_revision_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def opened(text: str, revision: str | None = None) -> PythonTarget:
        Path("edited.py").write_text(text)
        monkeypatch.delitem(sys.modules, "edited", raising=False)
        linecache.clearcache()
        return PythonTarget(import_function("edited:answer"), revision)

    one = opened("def answer(text): return 'one'\n")
    other = opened("def answer(text): return 'the other'\n")
    again = opened("def answer(text): return 'one'\n")
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert "edited.py" in (one.explain() or "")
    assert "--target-revision" in (one.explain() or "")
    released = [opened(f"def answer(text): return {i}\n", "v1") for i in range(2)]
    assert released[0].fingerprint == released[1].fingerprint
    assert released[0].fingerprint == {"model": "python:edited:answer", "revision": "v1"}
    assert released[0].explain() is None


class Application:
    async def __call__(self, text: str) -> str:
        return text


@pytest.mark.parametrize(
    "function",
    [sync, partial(partial(sync)), Application(), Application().__call__, lambda text: text],
    ids=["a function", "a partial of one", "an object", "a method", "a lambda"],
)
def test_whatever_can_be_called_is_known_by_the_file_it_is_written_in(function: Any) -> None:
    known = PythonTarget(function).fingerprint["source"]
    assert known == hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def test_what_has_no_source_says_so() -> None:
    made = eval("lambda text: text")
    for function in (str, made):
        target = PythonTarget(function)
        assert "source" not in target.fingerprint
        assert "has no source to be known by" in (target.explain() or "")


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("openai:ORG/NAME", "openai:ORG/NAME"),
        ("python:app.answers:answer", "python:app.answers:answer"),
        ("hf:ORG/NAME", "hf:ORG/NAME"),
        ("hf:/somewhere/models/base+/else/where/adapter", "hf:base+adapter"),
        ("hf:demo+sub/tuned", "hf:demo+tuned"),
        ("hf:.", "hf:here"),
        ("replay:/some/where/said.csv", "replay:said.csv"),
    ],
)
def test_a_target_is_called_as_it_was_typed_without_its_folders(
    typed: str, called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "sub" / "tuned").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert as_typed(typed) == called
