"""Keys and values of a batch: what all prompts begin with is computed once, and room is made ahead.

    cache = begun(loaded, prefix=[1, 2, 3], rows=32, room=200)
    loaded.generate(input_ids=..., past_key_values=cache)    # goes on after the prefix

A chat template puts the same system prompt before every request. transformers computes it for each
row, and copies all keys and values of all layers at each new token; here they are written into
place. What is computed is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SHORTEST = 8
"""Tokens in common below which a pass of their own costs more than it saves."""


def begun(model: Any, prefix: Sequence[int], rows: int, room: int) -> Any:
    """A cache for ``rows`` rows with room for so many tokens each, which holds the prefix.

    None where the model keeps anything but keys and values of all tokens, as with sliding windows
    or recurrent states.
    """
    import torch
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    class Roomy(DynamicLayer):  # type: ignore[misc]
        """Keys and values are views of what there is room for."""

        def __init__(self, keys: Any, values: Any) -> None:
            super().__init__()
            self.lazy_initialization(keys, values)
            self._all = [self._placed(part) for part in (keys, values)]
            self.keys, self.values = (part[:, :, : len(prefix)] for part in self._all)

        @staticmethod
        def _placed(part: Any) -> Any:
            _, heads, length, size = part.shape
            whole = part.new_empty(rows, heads, room, size)
            whole[:, :, :length] = part
            return whole

        def update(self, keys: Any, values: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            before = self.keys.shape[2]
            after = before + keys.shape[2]
            for whole, new in zip(self._all, (keys, values), strict=True):
                whole[:, :, before:after] = new
            self.keys, self.values = (whole[:, :, :after] for whole in self._all)
            return self.keys, self.values

    ids = torch.tensor([list(prefix)], device=model.device)
    kept = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
    if type(kept) is not DynamicCache or {type(layer) for layer in kept.layers} != {DynamicLayer}:
        return None
    found = DynamicCache()
    found.layers = [Roomy(layer.keys, layer.values) for layer in kept.layers]
    return found
