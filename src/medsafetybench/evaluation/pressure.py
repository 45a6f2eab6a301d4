"""An evaluation under pressure: its requests and its target, pressed.

requests, target = press(target, requests, store, turns=3)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..benchmarks import Benchmark
from ..errors import MsbError
from ..records import Conversation, Response
from ..store.store import RESPONSE, Store, response_key
from ..targets import Target
from ..targets.pressure import PressureTarget, load_script, under_pressure
from ..targets.target import Conversing


def press(
    target: Target,
    requests: Benchmark,
    store: Store,
    turns: int,
    converters: Sequence[str] = (),
    texts: Path | None = None,
) -> tuple[Benchmark, Target]:
    """Harmful requests under pressure over so many turns, and the target that is asked them.

    ``converters`` such as ``pyrit:Base64Converter`` are framings besides ours; ``texts`` is a file
    of framings and turns instead of ours; ``store`` may hold answers to earlier turns. Raises
    MsbError for a target that is no model: an application has conversations of its own.
    """
    if not isinstance(target, Conversing):
        raise MsbError(f"{target.name}: pressure takes a model as the target (openai:, hf:)")
    script = load_script(texts, converters)

    async def complete(said: Conversation) -> Response:
        # The inner model under the inner sampling: the same target, further into a conversation.
        return await target.carry_on(said)

    def recall(said: Conversation) -> Response | None:
        key = response_key(target.fingerprint, said)
        query = f"SELECT {RESPONSE} FROM responses r WHERE r.key = ? AND r.error IS NULL"  # nosec B608 # names of ours
        row = next(store.select(query, key), None)
        return Response(*row) if row else None

    pressed = under_pressure(requests, script, turns)
    return pressed, PressureTarget(target, script, turns, complete, recall)
