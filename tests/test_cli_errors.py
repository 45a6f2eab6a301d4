"""The command as people run it: whatever they get wrong is one line, exit code 2, and no traceback.

What was stored before stays stored; that goes for a disk that is full, too.
"""

from __future__ import annotations

import json
import re
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import commands
import forked
from conftest import Disk, Server, free_port

MSB = str(Path(sys.executable).with_name("msb"))
HELP_SECONDS = 0.4
HEAVY = (
    "torch",
    "transformers",
    "openai",
    "matplotlib",
    "pandas",
    "pyarrow",
    "sklearn",
    "scipy",
    "ray",
)
NETWORK = ("aiohttp", "requests", "starlette")
NOTE = re.compile(r"(run-[0-9a-f]+ is (new )?in |  other work than |  python:\S+ is known by )")

Store = sqlite3.Connection


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line it was refused with; fails if it was not refused as promised."""
        lines = self.err.splitlines()
        assert self.code == 2, self.err
        assert lines, "nothing on standard error"
        assert lines[-1].startswith("msb: "), self.err
        assert all(NOTE.match(line) for line in lines[:-1]), self.err
        assert self.out == ""
        return lines[-1]


def msb(*arguments: str, **environment: str) -> Done:
    done = commands.msb(*arguments, **environment)
    return Done(done.code, done.out, done.err)


@pytest.fixture(autouse=True)
def files() -> None:
    """A benchmark, responses and verdicts that are all as they should be."""
    Path("ours.csv").write_text("id,text\na,How?\nb,Why?\n")
    Path("said.csv").write_text("id,response\na,So.\nb,Thus.\n")
    Path("verdicts.csv").write_text("id,score\na,1\nb,2\n")


REPLAY = (
    *("evaluate", "--benchmark", "ours.csv"),
    *("--target", "replay:said.csv", "--judge", "replay:verdicts.csv"),
)


def changed(**options: str) -> tuple[str, ...]:
    """The evaluation of the files above, with other options."""
    return REPLAY + tuple(p for n, v in options.items() for p in (f"--{n.replace('_', '-')}", v))


def nowhere() -> str:
    """An address of this machine at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}/v1"


def test_the_files_of_these_tests_are_fit() -> None:
    assert msb(*REPLAY).code == 0


# What is given wrongly

WRITTEN = {
    "column.csv": b"prompt\nHow?\n",
    "latin.csv": b"text\nHow?\ncaf\xe9\n",
    "empty.csv": b'text\nHow?\n""\n',
    "broken.jsonl": b'{"text": "How?"}\n{"text":\n',
    "scores.csv": b"id,score\na,1\nb,7\n",
    "half.yaml": b"principles: []\n",
    "broken.py": b"def f(:\n",
}
WRONG = {
    "an unknown benchmark": (
        changed(benchmark="medsafety/evl"),
        "unknown benchmark 'medsafety/evl'; did you mean 'medsafety/eval'?",
    ),
    "an unknown target scheme": (
        changed(target="opnai:m"),
        "unknown target scheme 'opnai'; did you mean 'openai'?",
    ),
    "an unknown judge scheme": (
        changed(judge="opnai:m"),
        "unknown judge scheme 'opnai'; did you mean 'openai'?",
    ),
    "a CSV without the column": (
        changed(benchmark="column.csv"),
        "column.csv:2: no column 'text'; found: prompt. Map one with --column text=NAME",
    ),
    "a mapping to no column": (
        changed(benchmark="column.csv", column="text=question"),
        "column.csv:2: no column 'question'; found: prompt.",
    ),
    "a mapping that is none": (changed(column="text"), "--column 'text'; expected NAME=VALUE"),
    "a file that is not UTF-8": (
        changed(benchmark="latin.csv"),
        "latin.csv:3: not UTF-8 (byte 0xe9 at column 4)",
    ),
    "an empty text": (changed(benchmark="empty.csv"), "empty.csv:3: the text is empty"),
    "broken JSON": (changed(benchmark="broken.jsonl"), "broken.jsonl:2: not JSON"),
    "a file that is not there": (changed(benchmark="absent.csv"), "absent.csv: no such file"),
    "a principle there is not": (changed(principle="4"), "no request with principle 4"),
    "no published files": (
        changed(benchmark="medsafety/eval", data_dir="."),
        "is not in .; run `msb data fetch`",
    ),
    "hexphi without its folder": (changed(benchmark="hexphi"), "ask for access at https://"),
    "no key": (
        changed(target="openai:gpt-4o-mini"),
        "no key for https://api.openai.com/v1: set MSB_TARGET_API_KEY or OPENAI_API_KEY",
    ),
    "a key variable that is not set": (
        changed(judge="openai:m", judge_url="http://127.0.0.1:9/v1", judge_key_env="MINE"),
        "no key: the variable MINE is not set",
    ),
    "an address that is none": (
        changed(target="openai:m", target_url="localhost:8000"),
        "'localhost:8000' is not an endpoint; expected one like http://127.0.0.1:8000/v1",
    ),
    "an address with a bracket": (
        changed(target="openai:m", target_url="http://[::1/v1"),
        "is not an endpoint",
    ),
    "a function that cannot be imported": (
        changed(target="python:broken:f"),
        "target python:broken:f: cannot import broken: SyntaxError",
    ),
    "a score out of range": (changed(judge="replay:scores.csv"), "scores.csv:3: score '7'"),
    "an unknown rubric": (
        changed(judge="openai:m", judge_url="http://127.0.0.1:9/v1", rubric="amma"),
        "unknown rubric 'amma'; did you mean 'ama'?",
    ),
    "a taxonomy that is half": (changed(taxonomy="half.yaml"), "half.yaml: expected a mapping"),
    "a prompt that is not there": (
        changed(target="openai:m", target_url="http://127.0.0.1:9/v1", system="@absent.txt"),
        "--system @absent.txt: cannot be read",
    ),
    "a price that is none": (changed(target_price="cheap"), "price 'cheap'; expected IN,OUT"),
    "a store that is not there": (("summary", "--store", "absent.db"), "no store at absent.db"),
    "an export to a kind there is not": (
        ("data", "export", "starter", "-o", "rows.xlsx"),
        "rows.xlsx: expected a name ending in .csv",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_one_clear_line(case: str) -> None:
    for name, content in WRITTEN.items():
        Path(name).write_bytes(content)
    arguments, expected = WRONG[case]
    assert expected in msb(*arguments).line


@pytest.mark.parametrize("case", ["an unknown benchmark", "no key", "a price that is none"])
def test_bad_input_leaves_no_store_behind(case: str) -> None:
    assert msb(*WRONG[case][0]).code == 2
    assert not Path("medsafety.db").exists()


def test_a_run_there_is_not_is_named_beside_those_there_are() -> None:
    msb(*REPLAY)
    assert re.search(
        r"no run is called 'run-x' in .*; there: run-\w+", msb("summary", "run-x").line
    )


# Lines that cannot be understood

MISUSED = {
    "an unknown command": (("evalaute",), "unknown command 'evalaute' of msb; did you mean 'eval"),
    "an unknown command of data": (
        ("data", "fecth"),
        "unknown command 'fecth' of msb data; did you mean 'fetch'?",
    ),
    "an unknown option": (
        (*REPLAY, "--jduge", "screen"),
        "unknown option '--jduge' of msb evaluate; did you mean '--judge'?",
    ),
    "an unknown option of msb": (("--verison",), "unknown option '--verison' of msb; did you mean"),
    "a misspelt option that is needed": (
        ("evaluate", "--tagret", "replay:said.csv"),
        "unknown option '--tagret' of msb evaluate; did you mean '--target'?",
    ),
    "an option like no other": (
        (*REPLAY, "--zzz"),
        "unknown option '--zzz' of msb evaluate; see msb evaluate --help",
    ),
    "a missing option": (("evaluate",), "no target was given; expected one such as openai:MODEL"),
    "a missing argument": (("compare",), "msb compare needs RUNS; see msb compare --help"),
    "a missing value": (
        (*REPLAY, "--limit"),
        "--limit takes a value; see msb evaluate --help",
    ),
    "a word for a number": (changed(limit="all"), "--limit 'all'; expected a whole number"),
    "a fraction for a number": (changed(seed="0.5x"), "--seed '0.5x'; expected a whole number"),
    "a number that is too small": (
        changed(max_tokens="0"),
        "--max-tokens '0'; expected at least 1",
    ),
    "a number out of range": (
        ("explore", "--port", "70000"),
        "--port '70000'; expected 0 to 65535",
    ),
    "an argument too many": (("summary", "last", "b"), "msb summary takes no further argument 'b'"),
}


@pytest.mark.parametrize("case", MISUSED)
def test_a_line_that_is_misused_is_refused_in_one_line(case: str) -> None:
    arguments, expected = MISUSED[case]
    line = msb(*arguments).line
    assert line.startswith(f"msb: {expected}")
    assert not Path("medsafety.db").exists()


@pytest.mark.parametrize("called", [(), ("data",), ("build",), ("study",)])
def test_a_name_without_its_command_shows_what_there_is(called: tuple[str, ...]) -> None:
    done = msb(*called)
    asked = msb(*called, "--help")
    assert (done.code, done.out, done.err) == (2, "", asked.out)
    assert asked.code == 0
    assert len(re.findall(r"^  \w+ {2,}\S", asked.out, re.MULTILINE)) > 2
    assert not re.search(r"^  \w+$", asked.out, re.MULTILINE), "a command that says nothing"


def test_short_help_and_version() -> None:
    assert msb("evaluate", "-h") == msb("evaluate", "--help")
    assert re.fullmatch(r"medsafetybench \d+\.\d+\.\d+\n", msb("--version").out)


def test_the_last_of_an_option_given_twice_counts() -> None:
    assert msb(*REPLAY, "--store", "first.db", "--store", "second.db").code == 0
    assert [path.name for path in Path().glob("*.db")] == ["second.db"]


def test_arguments_may_stand_among_options() -> None:
    msb(*REPLAY)
    Path("said.csv").write_text("id,response\na,Yes.\nb,No.\n")
    msb(*REPLAY)
    runs = [card["run"] for card in json.loads(msb("runs", "--json").out)["runs"]]
    done = msb("compare", runs[0], "--judge", "replay:verdicts.csv", runs[1], "--json")
    assert (done.code, json.loads(done.out)["requests"]["harmful"]) == (0, 2)


def test_the_environment_names_a_store_and_an_empty_name_is_none() -> None:
    assert msb(*REPLAY, MSB_STORE="").code == 0
    assert msb(*REPLAY, MSB_STORE="named.db").code == 0
    assert sorted(path.name for path in Path().glob("*.db")) == ["medsafety.db", "named.db"]


def test_the_page_of_help_names_every_option_once() -> None:
    page = msb("evaluate", "--help").out
    named = re.findall(r"^  (--[a-z-]+)", page, re.MULTILINE)
    assert len(named) == len(set(named)) > 40


# Servers


def with_target(url: str, *more: str, **environment: str) -> Done:
    return msb(*changed(target="openai:m", target_url=url), *more, **environment)


def test_a_wrong_key_is_one_clear_line(serve: Callable[..., Server]) -> None:
    server = serve("--key", "right-key-12345")
    line = with_target(server.url, MSB_TARGET_API_KEY="wrong-key-12345").line
    assert f"{server.url} answered HTTP 401: Incorrect API key provided" in line
    assert "the key that was sent is not accepted" in line
    assert "wrong-key-12345" not in line


def test_a_key_that_is_missing_is_told_from_a_wrong_one(serve: Callable[..., Server]) -> None:
    assert "no key was sent" in with_target(serve("--key", "right-key-12345").url).line


def test_a_wrong_address_on_the_right_server_is_one_clear_line(
    serve: Callable[..., Server],
) -> None:
    line = with_target(serve().url.replace("/v1", "/v2")).line
    assert "HTTP 404" in line
    assert "most end in /v1" in line


@pytest.mark.parametrize("role", ["target", "judge"])
def test_a_server_that_is_not_there_is_one_clear_line(role: str) -> None:
    url = nowhere()
    line = msb(*changed(**{role: "openai:m", f"{role}_url": url})).line
    assert f"the server at {url} is not there" in line


def test_once_the_server_is_there_the_same_command_completes(
    serve: Callable[..., Server],
) -> None:
    url = nowhere()
    assert with_target(url).code == 2
    serve("--port", url.rpartition(":")[2].removesuffix("/v1"))
    done = with_target(url)
    assert (done.code, "is new in" in done.err) == (0, True), "what failed to start left no run"


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    line = with_target("http://me:hunter2@127.0.0.1:9/v1").line
    assert "carries credentials" in line
    assert "hunter2" not in line


# Stores that are not ours


def random_bytes(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def of_something_else(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE patients (name TEXT)")
    db.execute("INSERT INTO patients VALUES ('Jane')")
    db.commit()
    db.close()


def of_a_newer_version(path: Path) -> None:
    assert msb(*REPLAY, "--store", str(path)).code == 0
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


NOT_OURS = {
    "random bytes": (random_bytes, "is not a store (not an SQLite file); give --store another"),
    "another database": (of_something_else, "is a database of something else; give --store"),
    "a newer version": (of_a_newer_version, "was made by a newer medsafetybench"),
}
COMMANDS = {
    "evaluate": REPLAY,
    "summary": ("summary",),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("case", NOT_OURS)
def test_a_store_that_is_not_ours_is_refused_and_left_as_it_is(case: str, command: str) -> None:
    make, expected = NOT_OURS[case]
    make(Path("theirs.db"))
    before = Path("theirs.db").read_bytes()
    assert expected in msb(*COMMANDS[command], "--store", "theirs.db").line
    assert Path("theirs.db").read_bytes() == before


def test_a_folder_is_no_store() -> None:
    Path("folder.db").mkdir()
    assert "folder.db cannot be written" in msb(*REPLAY, "--store", "folder.db").line


def test_a_place_where_no_folder_can_be_made_is_one_clear_line() -> None:
    assert "ours.csv/new/x.db" in msb(*REPLAY, "--store", "ours.csv/new/x.db").line


# Disks that are read-only or full


@pytest.fixture
def long_answers() -> Callable[[], int]:
    """An application that says 10,000 letters to each of 200 requests; counts its calls."""
    Path("many.csv").write_text("text\n" + "".join(f"Request {n}?\n" for n in range(200)))
    Path("app.py").write_text(
        "def answer(text):\n"
        "    open('calls.txt', 'a').write(text + '\\n')\n"
        "    return text * (10_000 // len(text))\n"
    )
    return lambda: len(Path("calls.txt").read_text().splitlines())


MANY = (
    *("evaluate", "--benchmark", "many.csv", "--target", "python:app:answer"),
    *("--judge", "replay:verdicts.csv"),
)


def stored(store: Path) -> dict[bytes, tuple[str, float]]:
    """Every response in a store: key, text, and when it was stored."""
    db = sqlite3.connect(store)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = db.execute("SELECT key, text, created FROM responses").fetchall()
    finally:
        db.close()
    return {key: (text, created) for key, text, created in found}


def test_a_disk_that_fills_up_loses_nothing_and_the_same_command_goes_on(
    disk: Disk, long_answers: Callable[[], int]
) -> None:
    store = disk.path / "runs.db"
    line = msb(*MANY, "--store", str(store)).line
    assert f"the disk that holds {store} is full; free some space and run the same" in line
    calls, before = long_answers(), stored(store)
    assert 0 < len(before) < 200

    disk.change("size=16m")
    done = msb(*MANY, "--store", str(store))
    after = stored(store)
    assert (done.code, "nothing was scored: 200 unscored" in done.err) == (3, True), done.err
    assert len(after) == 200
    assert {key: after[key] for key in before} == before
    assert long_answers() - calls == 200 - len(before)


@pytest.mark.parametrize("there", [False, True], ids=["a new store", "a store that is there"])
def test_a_disk_that_is_full_from_the_start_is_one_clear_line(
    disk: Disk, there: bool, long_answers: Callable[[], int]
) -> None:
    store = disk.path / "runs.db"
    if there:
        assert msb(*REPLAY, "--store", str(store)).code == 0
    disk.fill()
    assert f"the disk that holds {store} is full" in msb(*MANY, "--store", str(store)).line


def test_a_store_on_a_full_disk_can_be_read(disk: Disk) -> None:
    store = str(disk.path / "runs.db")
    card = msb(*REPLAY, "--store", store, "--json").out
    disk.fill()
    assert msb("summary", "--store", store, "--json").out == card


def test_an_export_to_a_full_disk_is_one_clear_line_and_leaves_no_half(disk: Disk) -> None:
    msb(*REPLAY)
    disk.fill()
    output = disk.path / "rows.csv"
    assert msb("export", "last", "-o", str(output)).line == (
        f"msb: {output} cannot be written: No space left on device"
    )
    assert [path.name for path in disk.path.iterdir()] == ["ballast"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_into_a_full_file_is_one_clear_line() -> None:
    msb(*REPLAY)
    done = forked.start("summary", shown_on="/dev/full").ended()
    assert Done(done.returncode, "", done.stderr).line == (
        "msb: the output cannot be written: No space left on device"
    )


ReadOnly = tuple[Path, Callable[[], None]]


def test_a_read_only_folder_is_one_clear_line(read_only: ReadOnly) -> None:
    folder, make = read_only
    make()
    line = msb(*REPLAY, "--store", str(folder / "runs.db")).line
    assert f"{folder / 'runs.db'} cannot be written" in line
    assert "give --store another path" in line


def test_a_folder_below_a_read_only_one_is_one_clear_line(read_only: ReadOnly) -> None:
    folder, make = read_only
    make()
    line = msb(*REPLAY, "--store", str(folder / "new" / "runs.db")).line
    assert str(folder / "new") in line


def test_a_store_that_became_read_only_can_be_read_and_not_added_to(read_only: ReadOnly) -> None:
    folder, make = read_only
    store = folder / "runs.db"
    card = msb(*REPLAY, "--store", str(store), "--json").out
    make()
    assert msb("summary", "--store", str(store), "--json").out == card
    Path("said.csv").write_text("id,response\na,Else.\nb,Thus.\n")
    assert f"{store} cannot be written" in msb(*REPLAY, "--store", str(store)).line


# What is loaded


def cpu_seconds(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([MSB, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("arguments", ["--help", "evaluate --help", "data --help"])
def test_help_is_instant(arguments: str) -> None:
    # The least of three: what another process takes from the caches is not ours.
    assert min(cpu_seconds(*arguments.split()) for _ in range(3)) < HELP_SECONDS


@cache
def loaded_by(code: str) -> set[str]:
    """The top-level modules that a program has loaded at its end."""
    report = "import atexit, sys; atexit.register(lambda: print('\\n', *sys.modules)); "
    done = subprocess.run(
        [sys.executable, "-c", report + code], check=True, capture_output=True, text=True
    )
    return {module.partition(".")[0] for module in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("module", [*HEAVY, *NETWORK, "numpy", "yaml", "pydantic"])
def test_importing_the_package_does_not_load(module: str) -> None:
    assert module not in loaded_by("import medsafetybench")


@pytest.mark.parametrize("module", [*HEAVY, *NETWORK])
def test_help_does_not_load(module: str) -> None:
    code = "sys.argv = ['msb', '--help']; from medsafetybench.cli import main; main()"
    assert module not in loaded_by(code)
