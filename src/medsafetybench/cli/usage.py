"""What every command has in common: its form, its page of help, and what is said of a wrong line.

    app = commands("data", "List and fetch benchmarks.", {"fetch": ("data:fetch", "Download.")})
    at_least(1)         # a check of an option's value

A line that cannot be understood is refused in one line: what was given, what is expected.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    Group,
    MissingArgumentError,
    Parameter,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)
from cyclopts.help import PlainFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

Check = Callable[[Any, Any], None]

MARGIN, WIDEST = 30, 100
"""Columns for the names in a page of help, and for the page."""
EXPECTED = {int: "a whole number", float: "a number", bool: "true or false"}


Table = Mapping[str, tuple[str, str]]
"""Commands by name: a ``file:function``, and a line that says what it does."""

TABLES: dict[str, Table] = {}


def commands(name: str, help: str, table: Table, **more: Any) -> App:
    """An app of commands, each loaded when it is called."""
    app = App(
        name=name,
        help=help,
        help_format="plaintext",
        help_formatter=Layout(),
        group_parameters=Group("Options", sort_key=9),
        # The last of an option given twice counts; no option has a negative unless it says so.
        default_parameter=Parameter(
            negative=(), allow_repeating=True, show_default=_default, env_var_split=_unless_empty
        ),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        **more,
    )
    TABLES[name] = table
    for called, (place, _) in table.items():
        if place:
            app.command(f"{__package__}.{place}", name=called)
    return app


def listing(chain: Sequence[str], named: App) -> str:
    """The page of help of a name that only holds commands."""
    lines = [f"Usage: {' '.join(['msb', *chain])} COMMAND", "", named.help, "", "Commands:"]
    for called, (_, line) in TABLES[named.name[0]].items():
        lines += _columns(f"  {called}", [line])
    return "\n".join(lines)


def _default(value: Any) -> str | None:
    return None if value is False or value is None else str(value)


def _unless_empty(kind: Any, value: str, **_: Any) -> list[str]:
    return [value] if value else []


class Layout(PlainFormatter):
    """A page of help in two columns: names, and what they mean."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Print a panel under its title."""
        if not panel.entries:
            return
        narrow = options.update(width=max(min(console.width, WIDEST) - MARGIN, 20))
        lines = [f"{panel.title}:"]
        for entry in panel.entries:
            said = "".join(part.text for part in console.render(_meaning(entry), narrow))
            lines += _columns(_names(entry), said.splitlines())
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
        console.print()


def _names(entry: HelpEntry) -> str:
    return "  " + ", ".join(entry.display_labels_with_metavar or entry.display_labels)


def _meaning(entry: HelpEntry) -> Any:
    from rich.text import Text

    notes = [f"[{', '.join(entry.env_var)}]"] if entry.env_var else []
    notes += [f"[default: {entry.default}]"] if entry.default is not None else []
    notes += ["[required]"] if entry.required else []
    for note in notes:
        entry.description.append(Text(note))
    return entry.description


def _columns(names: str, said: list[str]) -> list[str]:
    """The names with what is said beside them, or below them where they are long."""
    rows = [" " * MARGIN + line.rstrip() for line in said]
    if len(names) > MARGIN - 2 or not rows:
        return [names, *rows]
    return [names.ljust(MARGIN) + rows[0][MARGIN:], *rows[1:]]


def at_least(least: float) -> Check:
    """A check that a number, or each of several, is no smaller."""

    def check(kind: Any, value: Any) -> None:
        for one in value if isinstance(value, list) else [value]:
            if one is not None and not one >= least:
                raise ValueError(f"at least {least:g}")

    return check


def between(least: float, most: float) -> Check:
    """A check that a number is no smaller and no larger."""

    def check(kind: Any, value: Any) -> None:
        if value is not None and not least <= value <= most:
            raise ValueError(f"{least:g} to {most:g}")

    return check


def explain(error: CycloptsError) -> str:
    """What is wrong with a command line, in one line."""
    command = " ".join(["msb", *(error.command_chain or ())])
    for kind, said in EXPLANATIONS.items():
        if isinstance(error, kind):
            return said(error, command)
    return " ".join(str(error).split())


def _unknown_option(error: UnknownOptionError, command: str) -> str:
    given = (error.token.keyword or error.token.value).partition("=")[0]
    names = [name for argument in error.argument_collection for name in argument.names]
    return _unknown("option", given, names, command)


def _unknown_command(error: UnknownCommandError, command: str) -> str:
    given = (error.unused_tokens or [""])[0]
    kind = "option" if given.startswith("-") else "command"
    return _unknown(kind, given, error.app or (), command)


def _missing(error: MissingArgumentError, command: str) -> str:
    if error.keyword:
        return f"{error.keyword} takes a value; see {command} --help"
    misspelt = [token for token in error.unused_tokens or () if token.startswith("--")]
    if misspelt and error.argument:
        return _unknown("option", misspelt[0], error.argument.names, command)
    return f"{command} needs {_name(error)}; see {command} --help"


def _invalid(error: ValidationError, command: str) -> str:
    tokens = error.argument.tokens if error.argument else []
    given = tokens[-1].value if tokens else ""
    return f"{_name(error)} {given!r}; expected {error.exception_message}"


def _no_such_type(error: CoercionError, command: str) -> str:
    kinds = (error.target_type, *get_args(error.target_type))
    expected = next((EXPECTED[kind] for kind in kinds if kind in EXPECTED), "something else")
    return f"{_name(error)} {error.token.value if error.token else ''!r}; expected {expected}"


def _too_many(error: UnusedCliTokensError, command: str) -> str:
    return f"{command} takes no further argument {' '.join(error.unused_tokens or [])!r}"


def _unknown(kind: str, given: str, known: Iterable[str], command: str) -> str:
    near = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"see {command} --help"
    return f"unknown {kind} {given!r} of {command}; {hint}"


def _name(error: CycloptsError) -> str:
    """The option as it was written, or the argument as the page of help calls it."""
    token, argument = getattr(error, "token", None), error.argument
    tokens = [token] if token else argument.tokens if argument else []
    given = [one.keyword for one in tokens if one.keyword]
    name = argument.name if argument else "?"
    return given[-1] if given else name if name.startswith("-") else name.upper()


EXPLANATIONS: dict[type[CycloptsError], Callable[[Any, str], str]] = {
    UnknownOptionError: _unknown_option,
    UnknownCommandError: _unknown_command,
    MissingArgumentError: _missing,
    ValidationError: _invalid,
    CoercionError: _no_such_type,
    UnusedCliTokensError: _too_many,
}
