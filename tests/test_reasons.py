"""Why a request has no score: every reason that can be given has its words, and no other has any.

The code is read for where reasons come from: what ``reason`` of a verdict is set to, and from
there back through the variables and the functions that say it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import medsafetybench
from medsafetybench.judges.reading import REASONS, explained
from medsafetybench.store.outcomes import NO_VERDICT

PACKAGE = Path(medsafetybench.__file__).parent
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def trees() -> list[ast.Module]:
    """The files that deal with verdicts."""
    texts = (file.read_text("utf-8") for file in sorted(PACKAGE.rglob("*.py")))
    return [ast.parse(text) for text in texts if "Verdict" in text or "verdict" in text]


@cache
def functions() -> dict[str, list[Function]]:
    """The functions that may return a reason, or a score beside one, by their names."""
    found = defaultdict(list)
    for node in (node for tree in trees() for node in ast.walk(tree)):
        if isinstance(node, Function) and node.returns and "str" in ast.unparse(node.returns):
            found[node.name].append(node)
    return found


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def said(node: ast.expr | None, seen: frozenset[str] = frozenset()) -> set[str]:
    """The texts that an expression may come to; of a tuple, its last place."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            return said(node.body, seen) | said(node.orelse, seen)
        case ast.BoolOp():
            return {text for value in node.values for text in said(value, seen)}
        case ast.Tuple():
            return said(node.elts[-1], seen)
        case ast.NamedExpr() | ast.Await():
            return said(node.value, seen)
        case ast.Call(func=ast.Name(id="str")):
            return said(node.args[0], seen)
        case ast.Call() if (name := name_of(node)) not in seen:
            returns = (r for function in functions()[name] for r in ast.walk(function))
            return {
                text
                for r in returns
                if isinstance(r, ast.Return)
                for text in said(r.value, seen | {name})
            }
    return set()


def set_to(tree: ast.Module) -> Iterator[ast.expr | None]:
    """What reasons are set to in a file."""
    for node in ast.walk(tree):
        match node:
            case ast.Call() if name_of(node) in ("Verdict", "replace"):
                yield from (k.value for k in node.keywords if k.arg == "reason")
            case ast.Call(args=[_, reason, *_]) if name_of(node) == "Reading":
                yield reason
            case ast.Assign(targets=[target]) if last_name(target) == "reason":
                yield node.value
            case ast.NamedExpr(target=ast.Name(id="reason")):
                yield node.value


def last_name(target: ast.expr) -> str:
    return ast.unparse(target.elts[-1] if isinstance(target, ast.Tuple) else target)


def makes_verdicts(tree: ast.Module) -> bool:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(name_of(call) in ("Verdict", "Reading") for call in calls)


def given() -> set[str]:
    """Every reason that is given anywhere."""
    makers = [tree for tree in trees() if makes_verdicts(tree) or "on_scale" in names_in(tree)]
    found = {text for tree in makers for value in set_to(tree) for text in said(value)}
    return found | {reason for reason in NO_VERDICT if reason}


def names_in(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, Function)}


def test_every_reason_that_can_be_given_is_explained_and_no_other() -> None:
    found = given()
    assert sorted(found - REASONS.keys()) == [], "given, and not explained"
    assert sorted(REASONS.keys() - found) == [], "explained, and never given"


def test_a_reason_is_shown_in_words_with_its_code_and_a_foreign_one_as_it_is() -> None:
    assert explained("cut_off") == "the judge's reply was cut off at its token limit (cut_off)"
    assert explained("their own words") == "their own words"
