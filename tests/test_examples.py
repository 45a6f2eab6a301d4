"""Examples in docstrings hold: their names exist, their calls fit, what they say comes out.

    visible("a\\u202etxt.exe")         # "a[U+202E]txt.exe"

An example is a statement in a module's docstring, or a call of ``msb`` on a line of its own. A name
that nobody defines (``store``, ``run``) stands for what the reader has at hand: for a class of that
name, where there is one. A result, in a comment or behind an arrow, is compared where nothing but
constants goes into it.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import shlex
import sys
import types
import typing
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

import medsafetybench
from medsafetybench.cli import app
from medsafetybench.errors import MissingExtra

PACKAGE = Path(medsafetybench.__file__).parent
FILES = sorted(file for file in PACKAGE.rglob("*.py") if file.stem != "__main__")
NOTHING = object()
ELSEWHERE: dict[str, Any] = {**vars(builtins), "np": np, "Path": Path}


# What the docstrings show


@dataclass(frozen=True)
class Example:
    """One statement of a docstring, and what is said to come of it."""

    code: ast.stmt
    said: str


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def shown(file: Path) -> list[str]:
    """The lines of a module's docstring, each paragraph from its own margin."""
    docstring = ast.get_docstring(tree(file), clean=False) or ""
    paragraphs = (dedent(part) for part in docstring.split("\n\n")[1:])
    return [line for part in paragraphs for line in part.splitlines()]


def examples(lines: list[str]) -> list[Example]:
    """The statements among some lines; what Python cannot read is data, or what a call says."""
    found = []
    while lines:
        sizes = range(min(4, len(lines)), 0, -1)
        taken, example = next(((n, e) for n in sizes if (e := statement(lines[:n]))), (1, None))
        found += [example] if example else []
        lines = lines[taken:]
    return found


def statement(lines: list[str]) -> Example | None:
    """The one statement that these lines are."""
    whole = "\n".join(lines)
    for sign in (" # ", " -> "):  # an arrow is no Python, unless it says what a function returns
        code, _, said = whole.rpartition(sign) if sign in lines[-1] else (whole, "", "")
        try:
            read = ast.parse(code).body
        except SyntaxError:
            continue
        # A path reads like a division.
        if len(read) == 1 and not isinstance(getattr(read[0], "value", None), ast.BinOp):
            return Example(read[0], said.strip())
    return None


# What their names are


@cache
def homes() -> dict[str, list[Path]]:
    """The files that define each name of the package."""
    found = defaultdict(list)
    for file in FILES:
        for node in tree(file).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(name)):
                    found[name].append(file)
                case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                    found[node.name].append(file)
    return found


def module(file: Path) -> Any:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return import_module(".".join(part for part in parts if part != "__init__"))


def meant(name: str, file: Path) -> list[Any]:
    """What a name may be in a file's example: the file's own, its room's, any other's, Python's."""
    if name in vars(module(file)):
        return [vars(module(file))[name]]
    near = [home for home in homes()[name] if home.parent == file.parent]
    found = [getattr(module(home), name) for home in near or homes()[name]]
    return found or [ELSEWHERE[name] for _ in "1" if name in ELSEWHERE]


@cache
def called() -> dict[str, set[str]]:
    """Names of classes by what an example calls one of them: ``run`` may be a RunRecord."""
    found = defaultdict(set)
    for name in (name for name in homes() if name[0].isupper() and not name.isupper()):
        words = re.findall("[A-Z][a-z0-9]*", name)
        for word in {words[0], "_".join(words)} if words else ():
            found[word.lower()].add(name)
    return found


def classes(word: str) -> list[type]:
    """The classes that an example may call by this word."""
    found = (getattr(module(file), name) for name in called()[word] for file in homes()[name])
    return [one for one in found if isinstance(one, type)]


class Types(dict[str, Any]):
    """The names of a module, and those of all classes: some are there for annotations only."""

    def __missing__(self, name: str) -> Any:
        if name in vars(builtins) or not homes().get(name):
            raise KeyError(name)
        return getattr(module(homes()[name][0]), name)


def hints(thing: Any) -> dict[str, Any]:
    try:
        whole = inspect.unwrap(thing)
        known = Types(vars(sys.modules[whole.__module__]))
        return typing.get_type_hints(whole, localns=known)
    except (AttributeError, NameError, TypeError):
        return {}


def kinds(hint: Any) -> list[Any]:
    """The types that a hint allows, None left out."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return [kind for part in typing.get_args(hint) for kind in kinds(part)]
    if typing.get_origin(hint) is type:
        return []
    says_nothing = (type(None), type, object)
    known = isinstance(hint, type) or typing.get_origin(hint) or hint is typing.Self
    return [hint] if known and hint not in says_nothing else []


def inside(kind: Any) -> list[Any]:
    """What one gets out of it by an index or a loop."""
    return kinds(typing.get_args(kind)[-1]) if typing.get_args(kind) else []


# Do they hold?


@dataclass
class Reader:
    """Reads the examples of a file one by one; ``names`` are the types of what they have set."""

    file: Path
    names: dict[str, list[Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    bound: int = 0

    def read(self, code: ast.stmt) -> None:
        """Check a statement, and remember what it sets."""
        for node in ast.walk(code):
            match node:
                case ast.With() | ast.AsyncWith():
                    for item in node.items:
                        self.set(item.optional_vars, self.entered(item.context_expr))
                case ast.For():
                    found = self.kinds(node.iter)
                    self.set(node.target, [kind for one in found for kind in inside(one)])
                case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.names[node.name] = []
                case ast.arg() | ast.comprehension() | ast.Lambda():
                    for name in ast.walk(node):
                        if isinstance(name, ast.arg | ast.Name):
                            self.names.setdefault(getattr(name, "arg", "") or name.id, [])
        for node in ast.walk(code):
            if isinstance(node, ast.Call):
                self.bind(node)
            elif isinstance(node, ast.Attribute):
                self.look(node)
        if isinstance(code, ast.Assign):
            self.set(code.targets[0], self.kinds(code.value))

    def set(self, target: ast.expr | None, found: list[Any]) -> None:
        if isinstance(target, ast.Tuple):
            parts = [typing.get_args(kind) for kind in found]
            fit = next((part for part in parts if len(part) == len(target.elts)), None)
            for i, one in enumerate(target.elts):
                self.set(one, kinds(fit[i]) if fit else [])
        elif target is not None:
            self.names[ast.unparse(target)] = found

    def entered(self, code: ast.expr) -> list[Any]:
        """The types of what ``with`` gives."""
        found = self.kinds(code)
        return [k for kind in found for k in (inside(kind) if typing.get_args(kind) else [kind])]

    def kinds(self, code: ast.expr) -> list[Any]:
        """The types that an expression may be of, as far as the package says."""
        match code:
            case ast.Await():
                return self.kinds(code.value)
            case ast.Name(id=name):
                if name in self.names:
                    return self.names[name]
                found = [one for one in meant(name, self.file) if not inspect.isroutine(one)]
                return [type(one) for one in found if one is not ...] or classes(name)
            case ast.Call():
                return [
                    k for called, owner in self.called(code.func) for k in result(called, owner)
                ]
            case ast.Attribute(attr=name):
                return [k for kind in self.kinds(code.value) for k in attribute(kind, name)]
            case ast.Subscript():
                return [k for kind in self.kinds(code.value) for k in inside(kind)]
        return []

    def called(self, code: ast.expr) -> Iterator[tuple[Any, Any]]:
        """What may be called here, and the class whose method it is."""
        if isinstance(code, ast.Name) and code.id not in self.names:
            yield from ((one, None) for one in meant(code.id, self.file) if callable(one))
        if isinstance(code, ast.Attribute):
            for owner in [*self.named_class(code.value), *self.kinds(code.value)]:
                if callable(method := getattr(plain(owner), code.attr, None)):
                    yield method, owner

    def named_class(self, code: ast.expr) -> list[type]:
        """The class that is called by its name here, as in ``Store.open``."""
        found = meant(code.id, self.file) if isinstance(code, ast.Name) else []
        return [one for one in found if isinstance(one, type)]

    def bind(self, call: ast.Call) -> None:
        """Do the arguments fit what is called?"""
        found = list(self.called(call.func))
        if isinstance(call.func, ast.Name) and not found and call.func.id not in self.names:
            self.problems.append(f"no {call.func.id} to call")
        if isinstance(call.func, ast.Attribute) and not found:
            held = [plain(kind) for kind in self.kinds(call.func)]
            if held and not any(calls(kind) for kind in held):
                self.problems.append(f"{ast.unparse(call.func)} is not to be called")
        failed = [why for one, owner in found if (why := misfit(one, call, bool(owner)))]
        if found and len(failed) == len(found):
            self.problems.append(f"{ast.unparse(call)}: {failed[0]}")
        self.bound += bool(found)

    def look(self, code: ast.Attribute) -> None:
        """Is there such an attribute?"""
        if isinstance(code.value, ast.Name) and code.value.id not in self.names:
            own = meant(code.value.id, self.file)
            if any(hasattr(one, code.attr) for one in own):
                return
        found = [plain(kind) for kind in self.kinds(code.value)]
        if found and not any(is_there(kind, code.attr) for kind in found):
            self.problems.append(f"{ast.unparse(code)}: {found[0].__name__} has no {code.attr}")


def plain(kind: Any) -> Any:
    return typing.get_origin(kind) or kind


def calls(kind: Any) -> bool:
    return any("__call__" in vars(one) for one in kind.__mro__)


def is_there(kind: Any, name: str) -> bool:
    return hasattr(kind, name) or name in hints(kind)


def result(called: Any, owner: Any) -> list[Any]:
    """The types of what a call gives; ``owner`` is the class of a method."""
    if isinstance(called, type):
        return [called]
    found = kinds(hints(called).get("return"))
    return [owner if kind is typing.Self else kind for kind in found]


def attribute(kind: Any, name: str) -> list[Any]:
    found = inspect.getattr_static(plain(kind), name, None)
    if isinstance(found, property):
        return kinds(hints(found.fget).get("return"))
    return kinds(hints(plain(kind)).get(name))


def misfit(called: Any, call: ast.Call, wants_self: bool) -> str:
    """Why the arguments of a call do not fit; ``...`` stands for any number of them."""
    try:
        signature = inspect.signature(called)
    except (ValueError, TypeError):
        return ""
    places = [
        one
        for one in call.args
        if not isinstance(one, ast.Starred | ast.Constant) or getattr(one, "value", None) is not ...
    ]
    names = {keyword.arg: None for keyword in call.keywords if keyword.arg}
    whole = len(places) == len(call.args) and len(names) == len(call.keywords)
    bind = signature.bind if whole else signature.bind_partial
    try:
        wants_self = wants_self and inspect.isfunction(called)
        bind(*[None] * (wants_self + len(places)), **names)
    except TypeError as error:
        return str(error)
    return ""


# What comes of them


def told(example: Example) -> Any:
    """The literal that an example says comes of it; NOTHING where it says none."""
    for match in reversed([*re.finditer(r"[:;,]? |$", example.said)]):
        with suppress(SyntaxError, ValueError):
            found = ast.literal_eval(example.said[: match.start()])
            a_word = isinstance(found, str) and match.group() == " "
            return NOTHING if a_word or "Ellipsis" in repr(found) else found
    return NOTHING


def constants(code: ast.expr, file: Path) -> dict[str, Any] | None:
    """What the names in an expression are; None if one stands for what a reader has at hand."""
    if any(isinstance(node, ast.Await | ast.Starred) for node in ast.walk(code)):
        return None
    calls = {id(node.func) for node in ast.walk(code) if isinstance(node, ast.Call)}
    found: dict[str, Any] = {}
    for node in ast.walk(code):
        if isinstance(node, ast.Name):
            it = next(iter(meant(node.id, file)), NOTHING)
            if it is NOTHING or (inspect.isroutine(it) and id(node) not in calls):
                return None
            found[node.id] = it
    return found


def set_by(code: ast.stmt) -> set[str]:
    """The names that a statement sets."""
    names = (node for node in ast.walk(code) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def value(code: ast.expr, names: dict[str, Any]) -> Any:
    try:
        return eval(compile(ast.Expression(code), "example", "eval"), dict(names))
    except MissingExtra:
        return NOTHING


def equal(found: Any, said: Any) -> bool:
    """Equal, a float to the digits that are shown."""
    if isinstance(said, float) and isinstance(found, float):
        return round(found, len(repr(said).partition(".")[2])) == said
    if isinstance(said, list | tuple) and isinstance(found, list | tuple):
        return len(found) == len(said) and all(map(equal, found, said))
    return bool(found == said)


# The tests


def test_every_call_in_an_example_fits_what_it_calls() -> None:
    problems, bound = [], 0
    for file in FILES:
        reader = Reader(file)
        for example in examples(shown(file)):
            reader.read(example.code)
        problems += [f"{file.relative_to(PACKAGE)}: {problem}" for problem in reader.problems]
        bound += reader.bound
    assert problems == []
    assert bound > 400, "most examples are read"


def test_what_an_example_says_of_its_result_is_so() -> None:
    wrong, compared = [], 0
    for file in FILES:
        own = {name for example in examples(shown(file)) for name in set_by(example.code)}
        for example in examples(shown(file)):
            said = told(example)
            if not isinstance(example.code, ast.Expr) or said is NOTHING:
                continue
            names = constants(example.code.value, file)
            if names is None or names.keys() & own:
                continue
            found = value(example.code.value, names)
            compared += 1
            if found is not NOTHING and not equal(found, said):
                wrong.append(f"{file.name}: {ast.unparse(example.code)} is {found!r}, not {said!r}")
    assert wrong == []
    assert compared > 25


def test_examples_of_the_command_line_are_commands_with_such_options() -> None:
    lines = [line for file in FILES for line in shown(file) if line.startswith("msb ")]
    commands = [part.strip() for line in lines for part in line.split(" && ")]
    for command in commands:
        words = [word for word in shlex.split(command)[1:] if word != "..."]
        _, apps, _ = app.parse_commands(words)
        known = {name for one in apps[-1].assemble_argument_collection() for name in one.names}
        assert apps[-1].default_command, command
        assert [word for word in words if word.startswith("--") and word not in known] == [], (
            command
        )
    assert len(commands) > 8


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nobody(1)", "no nobody to call"),
        ("level_text()", "missing a required argument"),
        ("HARM.level(4, wish=1)", "unexpected keyword"),
        ("HARM.level(4).tittle", "Level has no tittle"),
        ("HARM.levels(4)", "is not to be called"),
        ("store.unanswerd(run)", "Store has no unanswerd"),
    ],
)
def test_an_example_that_does_not_fit_is_noticed(line: str, problem: str) -> None:
    reader = Reader(PACKAGE / "explorer" / "levels.py")
    for example in examples([line]):
        reader.read(example.code)
    assert problem in " ".join(reader.problems)
