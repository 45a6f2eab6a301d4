"""An evaluation under pressure.

with prepare("openai:my-model", "openai:judge", "medsafety/eval", ...) as evaluation:
    put_under_pressure(evaluation, turns=3)
    run, _ = carry_out(evaluation)
run.summary().pressure.survival
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import MsbError
from ..records import Conversation, Response
from ..store.store import RESPONSE, response_key
from ..targets.model import ModelTarget
from ..targets.pressure import PressureTarget, load_script, under_pressure
from .evaluation import Evaluation


def put_under_pressure(
    evaluation: Evaluation, turns: int, texts: Path | None = None, converters: Sequence[str] = ()
) -> None:
    """Have a prepared evaluation ask its harmful requests under pressure, over so many turns.

    ``texts`` is a file of framings and turns instead of ours; ``converters`` such as
    ``pyrit:Base64Converter`` are framings besides. Raises MsbError for a target that is no model:
    an application has conversations of its own.
    """
    target = evaluation.target
    if not isinstance(target, ModelTarget):
        raise MsbError(f"{target.name}: pressure takes a model as the target (openai:, hf:)")
    script = load_script(texts, converters)
    store = evaluation.store

    async def complete(said: Conversation) -> Response:
        # The inner model under the inner sampling: the same target, further into a conversation.
        return await target.carry_on(said)

    def recall(said: Conversation) -> Response | None:
        key = response_key(target.fingerprint, said)
        query = f"SELECT {RESPONSE} FROM responses r WHERE r.key = ? AND r.error IS NULL"
        row = next(store.select(query, key), None)
        return Response(*row) if row else None

    evaluation.benchmark = under_pressure(evaluation.benchmark, script, turns)
    evaluation.target = PressureTarget(target, script, turns, complete, recall)
