"""A judge of what the target thought, as a second column beside what it answered.

    ThinkingJudge(open_judge("openai:judge"))      # named "openai:judge (thinking)"

A reasoning model that declines may have worked the answer out in its thought, and whoever sees the
thought has it. Its verdicts are no part of a run's panel: an answer is judged by what it says.
"""

from __future__ import annotations

from ..records import Request, Response, Verdict
from .judge import Judge, OverJudge


class ThinkingJudge(OverJudge):
    """Another judge, given the thought for the response."""

    def __init__(self, judge: Judge) -> None:
        super().__init__(judge, f"{judge.name} (thinking)", {"judged": "thinking"})

    def prompt(self, request: Request, response: Response) -> str:
        """What the judge is told; nothing where there is no thought."""
        return super().prompt(request, _thought(response)) if response.thinking else ""

    async def judge(self, request: Request, response: Response) -> Verdict:
        """The verdict on the thought; unscored where there is none."""
        if not response.thinking:
            return Verdict(reason="no_thinking")
        return await super().judge(request, _thought(response))


def _thought(response: Response) -> Response:
    return Response(text=response.thinking or "", finish_reason="stop")
