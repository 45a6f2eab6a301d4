"""msb --install-completion, msb --show-completion: the shell completes commands and options."""

from __future__ import annotations

from typing import Literal

from ..errors import MsbError


def install() -> None:
    """Install completion for the current shell."""
    from . import app

    print(f"{app.install_completion(shell=_shell())}: takes effect in a new shell")  # nosec B604 # a shell's name


def show() -> None:
    """Show completion for the current shell, to copy it or customize the installation."""
    from . import app

    print(app.generate_completion(shell=_shell()))  # nosec B604 # a shell's name


def _shell() -> Literal["zsh", "bash", "fish", "powershell"]:
    from cyclopts.completion import ShellDetectionError, detect_shell

    try:
        return detect_shell()
    except ShellDetectionError:
        raise MsbError("the shell is none of bash, zsh, fish and powershell") from None
