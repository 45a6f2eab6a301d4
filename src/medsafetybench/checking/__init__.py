"""Checking judges: against people's labels, and against what they said before.

    found = check([open_judge("screen")], ["xstest", "ours.csv", "last"])
    found.cards[0].kappa

Judging is done by the run loop and stored like any verdicts, so a check that was stopped goes on
where it was and nothing is asked twice.
"""

from .check import CheckResult, check

__all__ = ["CheckResult", "check"]
