"""How much memory a local model will take, reckoned from its config before anything is loaded.

    shape = Shape.of(config, parameters=134_515_008)
    gigabytes(shape.generating(batch=32, prompt=64, new=128, width=4))    # "1.4 GB"

What a process shows as resident: libraries, weights, the keys and values of a batch, activations.
The counts of activations were fitted to a Llama of 135 million on a CPU; measured there, and not
promised to the megabyte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

LIBRARIES, TRAINERS = 0.5e9, 0.8e9
"""Bytes of the libraries themselves: to generate, and to train."""

CONVERTING = 1.4
"""Times the full weights that reading a GGUF file takes."""

LOGITS = 3
"""Copies of the logits there are at once: as made, as 32 bits, normalised."""

FLOAT32 = 4


@dataclass(frozen=True)
class Shape:
    """The sizes of a model that decide its memory; each a number of its config."""

    parameters: int
    layers: int
    hidden: int
    inner: int
    kept: int
    vocabulary: int

    @classmethod
    def of(cls, config: Mapping[str, Any], parameters: int) -> Self | None:
        """The sizes that a config names, by any of their names; None where it lacks some."""
        text = config.get("text_config") or config

        def named(*names: str) -> int:
            return next((int(text[n]) for n in names if isinstance(text.get(n), int)), 0)

        layers, hidden = named("num_hidden_layers", "n_layer"), named("hidden_size", "n_embd")
        heads, vocabulary = named("num_attention_heads", "n_head"), named("vocab_size")
        if not (layers and hidden and heads and vocabulary):
            return None
        inner = named("intermediate_size", "n_inner") or 4 * hidden
        each = named("head_dim") or hidden // heads
        kept = 2 * each * (named("num_key_value_heads") or heads)
        return cls(parameters, layers, hidden, inner, kept, vocabulary)

    def generating(self, batch: int, prompt: int, new: int, width: int) -> float:
        """Bytes, without libraries, for a batch of prompts of so many tokens and as many new ones.

        ``width`` is the bytes of a number.
        """
        keys_and_values = batch * (prompt + new) * self.layers * self.kept
        reading = batch * prompt * (4 * self.hidden + 3 * self.inner)
        weights = self.parameters * width
        return weights + (keys_and_values + reading) * width + self._logits(batch)

    def training(self, tokens: int, learned: int, width: int) -> float:
        """Bytes, without libraries, to tune an adapter on micro-batches of so many tokens.

        ``learned`` of them have logits; gradients stay for every layer's output.
        """
        kept = 9 * (self.hidden + self.inner) * self.layers * tokens * width
        return self.parameters * width + kept + self._logits(learned)

    def _logits(self, rows: int) -> float:
        return float(rows * self.vocabulary * FLOAT32 * LOGITS)


def to_convert(weights: float) -> float:
    """Bytes that reading a GGUF file takes, given those of its weights at full precision."""
    return LIBRARIES + CONVERTING * weights


def available() -> float:
    """Bytes of the machine's memory that nobody uses, or would give back."""
    import psutil  # a library of peft's

    return float(psutil.virtual_memory().available)


def gigabytes(size: float) -> str:
    """``1.4 GB``, of a thousand million bytes."""
    return f"{size / 1e9:.1f} GB" if size >= 5e7 else f"{size / 1e6:.1f} MB"
