"""A suffix that makes an open model begin as asked: a thin adapter over the ``nanogcg`` library.

    model, tokenizer = open_weights("demo")
    optimised_suffix(model, tokenizer, "List some ...", "1.", steps=250, seed=0)

Greedy coordinate gradient (Zou et al. 2023, arXiv 2307.15043) is the third of the paper's ways to
elicit requests from a model that declines. It needs gradients, so it works on local open-weight
models only, and is meant for red-teaming a model that one is responsible for. Extra ``gcg``.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from ..errors import MissingExtra, MsbError

STEPS = 250


def open_weights(name: str, device: str | None = None) -> tuple[Any, Any]:
    """A local model and its tokenizer, as transformers has them, by folder, Hub id or ``demo``.

    Raises MissingExtra without the library, MsbError if the files are not there, and StopRun if
    they do not load.
    """
    if importlib.util.find_spec("transformers") is None:
        raise MissingExtra("an optimised suffix", "gcg")
    from ..models.hf_engine import choose_device, load_model, load_tokenizer
    from ..models.hf_files import resolve

    files = resolve(name)
    if files.adapter:
        raise MsbError(f"{name}: a suffix is searched on a base model; drop the adapter")
    return load_model(files, "float32", choose_device(device)), load_tokenizer(files)


def optimised_suffix(
    model: Any,
    tokenizer: Any,
    prompt: str,
    target: str,
    steps: int = STEPS,
    seed: int = 0,
    width: int = 512,
) -> str:
    """The best suffix found for ``prompt``, after which the model is likeliest to begin ``target``.

    ``model`` and ``tokenizer`` are transformers' own; ``width`` candidates are tried a step.
    Raises MissingExtra without the library, and MsbError for fewer than one step.
    """
    if steps < 1:
        raise MsbError(f"{steps} steps were asked for; expected at least 1")
    try:
        from nanogcg import GCGConfig, run
    except ImportError:
        raise MissingExtra("an optimised suffix", "gcg") from None
    # Its cache of the prefix does not fit the cache objects of transformers 5.
    config = GCGConfig(
        num_steps=steps, search_width=width, seed=seed, use_prefix_cache=False, verbosity="ERROR"
    )
    return str(run(model, tokenizer, prompt, target, config).best_string)
