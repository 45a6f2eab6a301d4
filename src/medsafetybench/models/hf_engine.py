"""A base model in memory, with the adapters put on it: everything that touches torch.

    engine = share(files, dtype="float32", device="cpu")
    await engine.run(lambda: engine.load(files))
    rows = engine.generate([[1, 2], [3]], adapter=None, new_tokens=8, sampling=Sampling())

One base is loaded once in a process, whoever uses it: target, judge, or several adapters in a
study. All its work is done in one thread of its own, so an adapter never changes under a batch.
"""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, TypeVar

from ..errors import MissingExtra, MsbError, StopRun
from ..records import Sampling
from .hf_batching import in_common, left_pad
from .hf_cache import SHORTEST, begun
from .hf_files import ModelFiles, tensor_shapes
from .signs import control_tokens

DTYPES = ("float32", "bfloat16", "float16")
SETTABLE = (
    *("top_p", "top_k", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size"),
    *("num_beams", "length_penalty"),
)
"""Generation settings that may be set; the others would change what a response is."""

Result = TypeVar("Result")
_engines: dict[tuple[str, str, str, str], Engine] = {}


def require(*packages: str) -> None:
    """Raise MissingExtra unless these libraries of the extra ``local`` are installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(f"hf: ({package})", "local")


def choose_device(asked: str | None) -> str:
    """The device asked for, else CUDA, else MPS, else CPU. Raises MsbError if it is not there."""
    import torch

    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if asked is None:
        return next((name for name, available in there.items() if available()), "cpu")
    kind = asked.partition(":")[0]
    if kind not in ("cpu", *there):
        raise MsbError(f"device {asked!r}; expected cpu, cuda, cuda:N or mps")
    if kind in there and not there[kind]():
        raise MsbError(f"device {asked!r} is not there; torch {torch.__version__} sees none")
    return asked


def choose_dtype(asked: str | None, device: str) -> str:
    """The dtype asked for, else float32 on a CPU and bfloat16 elsewhere. Raises MsbError."""
    if asked is None:
        return "float32" if device == "cpu" else "bfloat16"
    if asked not in DTYPES:
        raise MsbError(f"dtype {asked!r}; expected {', '.join(DTYPES)}")
    return asked


WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a number."""


def share(files: ModelFiles, dtype: str, device: str) -> Engine:
    """The engine of a base model in this process; a new one if nobody holds it yet."""
    key = (files.base_identity, files.form, dtype, device)
    engine = _engines.setdefault(key, Engine(files, dtype, device))
    engine.users += 1
    return engine


def out_of_memory(error: Exception) -> bool:
    """True if an error says that memory ran out, whichever allocator says it."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in said or "can't allocate memory" in said
    )


@contextmanager
def _loading(files: ModelFiles, memory: str) -> Iterator[dict[str, Any]]:
    """Quiet, and one line for whatever does not load; yields what every load is told."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield {"trust_remote_code": files.remote_code, "local_files_only": True}
    except Exception as error:  # each architecture has its own ways of not loading
        if out_of_memory(error):
            raise StopRun(
                f"{files.base} does not fit into the memory of {memory}; try --dtype bfloat16 or "
                "another --device"
            ) from None
        said = " ".join(str(error).split())[:300]
        trust = files.remote_code
        hint = "" if trust else "; a model that needs its own code needs --trust-remote-code"
        if quantised := files.config.get("quantization_config"):
            hint = (
                f"; it is quantised by {quantised.get('quant_method', '?')}, which takes the "
                "library of that name and mostly a GPU: take the full weights or a GGUF file, or "
                "serve it and give openai:"
            )
        raise StopRun(f"{files.base} cannot be loaded: {said}{hint}") from None


def load_tokenizer(files: ModelFiles) -> Any:
    """The tokenizer of the adapter or the base, as transformers has it. Raises StopRun."""
    from transformers import AutoTokenizer

    with _loading(files, "this machine") as told:
        return AutoTokenizer.from_pretrained(str(files.tokenizer), **told)  # nosec B615 # a folder here


def load_model(files: ModelFiles, dtype: str, device: str | None = None, **options: Any) -> Any:
    """The base model, on a device unless that is another's affair. Raises StopRun.

    ``options`` are further ones of transformers, as a quantization.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with _loading(files, f"{device or 'this machine'} as {dtype}") as told:
        model = AutoModelForCausalLM.from_pretrained(
            str(files.base), dtype=getattr(torch, dtype), use_safetensors=True, **told, **options
        )  # nosec B615 # a folder here
        if files.embeddings not in (None, len(model.get_input_embeddings().weight)):
            # What is put there is the adapter's, so nothing needs to be guessed from the old ones.
            model.resize_token_embeddings(files.embeddings, mean_resizing=False)
        return model if device is None else model.to(device)


class Engine:
    """See the module's docstring."""

    def __init__(self, files: ModelFiles, dtype: str, device: str) -> None:
        self.users = 0
        self.device = device
        self.abandoned = threading.Event()
        self._files = files
        self._dtype = dtype
        self._model: Any = None
        self._tokenizer: Any = None
        self._adapters: set[str] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hf")

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do some work in the engine's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def release(self) -> None:
        """One user less; the last one ends a batch at its next token and frees the memory."""
        self.users -= 1
        if self.users == 0:
            self.abandoned.set()
            self._thread.shutdown(wait=False, cancel_futures=True)
            for key in [key for key, engine in _engines.items() if engine is self]:
                del _engines[key]

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of transformers; to be used from one thread."""
        return self._tokenizer

    @cached_property
    def control_tokens(self) -> frozenset[str]:
        """See ``signs.control_tokens``; once the tokenizer is loaded."""
        return control_tokens(self._tokenizer)

    @property
    def ends(self) -> set[int]:
        """Every token that ends a response: those of the generation config and the tokenizer's."""
        named = self._model.generation_config.eos_token_id
        named = named if isinstance(named, list) else [named]
        return {int(t) for t in (*named, self._tokenizer.eos_token_id) if t is not None}

    def load(self, adapter: ModelFiles) -> None:
        """Load the base, and the adapter of these files if they have one. Raises StopRun."""
        if self._model is None:
            self._load_base()
        if (name := adapter.adapter_identity) and name not in self._adapters:
            self._load_adapter(adapter, name)
            self._adapters.add(name)

    def _load_base(self) -> None:
        tokenizer = load_tokenizer(self._files)
        self._model = load_model(self._files, self._dtype, self.device).eval()
        known = len(self._model.get_input_embeddings().weight)
        if self._files.tokenizer == self._files.adapter and len(tokenizer) > known:
            raise StopRun(
                f"adapter {self._files.adapter} adds tokens to the vocabulary ({len(tokenizer)}, "
                f"with embeddings for {known}) and brings no embeddings for them; save it with "
                "them, or merged into the base"
            )
        self._tokenizer = tokenizer

    def _load_adapter(self, files: ModelFiles, name: str) -> None:
        import warnings

        from peft import PeftModel

        folder = str(files.adapter)
        try:
            self._check_places(files)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # what peft calls of transformers
                # peft only warns where the adapter's weights find no place in the base.
                warnings.filterwarnings("error", message=".*missing adapter keys.*")
                if isinstance(self._model, PeftModel):
                    self._model.load_adapter(folder, name, torch_device=self.device)
                else:
                    self._model = PeftModel.from_pretrained(
                        self._model, folder, name, torch_device=self.device
                    )
        except Exception as error:  # peft has no class of its own for an adapter that does not fit
            said = " ".join(str(error).split())[:200]
            raise StopRun(
                f"adapter {folder} does not fit {self._files.base.name}: {said}; give it the base "
                "it was trained on"
            ) from None
        self._model.eval()

    def _check_places(self, files: ModelFiles) -> None:
        """Raise ValueError unless the base has every layer that a LoRA adapter is for.

        peft itself leaves out what finds no place, without a word.
        """
        base = self._model.get_base_model() if self._adapters else self._model
        there = {name.replace(".base_layer", "") for name, _ in base.named_modules()}
        for key, _ in tensor_shapes([files.adapter_weights]):
            layer = re.fullmatch(r"base_model\.model\.(.+)\.lora_[AB]\.weight", key)
            if layer and layer[1] not in there:
                raise ValueError(f"the base has no {layer[1]}")

    def _wearing(self, adapter: str | None) -> AbstractContextManager[Any]:
        """The model with this adapter, or with none, for the time of a batch."""
        if adapter is not None:
            self._model.set_adapter(adapter)
            return nullcontext()
        return self._model.disable_adapter() if self._adapters else nullcontext()

    @contextmanager
    def worn(self, adapter: str | None) -> Iterator[Any]:
        """The model of transformers itself, with this adapter or with none; nobody else's turn."""
        with self._wearing(adapter):
            yield self._model

    def generate(
        self,
        rows: Sequence[Sequence[int]],
        adapter: str | None,
        new_tokens: int,
        sampling: Sampling,
        step: Callable[[], None] = lambda: None,
    ) -> list[list[int]]:
        """The new tokens of each row, in one batch padded on the left; not yet cut at their end.

        A seed holds for the batch, so sampled responses repeat where batches do. ``step`` is called
        as each further token of all rows is there.
        """
        import torch

        def stops(ids: Any, scores: Any, **_: Any) -> Any:
            step()
            return torch.full((ids.shape[0],), self.abandoned.is_set(), device=ids.device)

        shared = in_common(rows) if len(rows) > 1 and "num_beams" not in sampling.extra else 0
        with torch.inference_mode(), self._wearing(adapter):
            cache = None
            if shared >= SHORTEST:
                room = max(map(len, rows)) + new_tokens
                cache = begun(self._model, rows[0][:shared], len(rows), room)
            ids, mask = left_pad(rows, 0, shared if cache else 0)
            if sampling.seed is not None:
                torch.manual_seed(sampling.seed)
            out = self._model.generate(
                past_key_values=cache,
                input_ids=torch.tensor(ids, device=self.device),
                attention_mask=torch.tensor(mask, device=self.device),
                generation_config=self._settings(new_tokens, sampling),
                stopping_criteria=[stops],
            )
        found: list[list[int]] = out[:, len(ids[0]) :].tolist()
        return found

    def _settings(self, new_tokens: int, sampling: Sampling) -> Any:
        """The model's own generation config, with what was asked for; greedy at temperature 0."""
        settings = copy.deepcopy(self._model.generation_config)
        settings.max_length, settings.max_new_tokens = None, new_tokens
        settings.eos_token_id = sorted(self.ends) or None
        # Any token will do: what is padded is masked, and what follows an end token is cut off.
        settings.pad_token_id = next(iter(sorted(self.ends)), 0)
        settings.do_sample = sampling.temperature > 0
        settings.temperature = sampling.temperature or None
        if not settings.do_sample:
            settings.top_p = settings.top_k = settings.min_p = settings.typical_p = None
        for name, value in sampling.extra.items():
            setattr(settings, name, value)
        return settings

    def next_log_probabilities(
        self,
        rows: Sequence[Sequence[int]],
        options: Sequence[Sequence[int]],
        adapter: str | None,
    ) -> list[list[float]]:
        """The log-probability of each of a row's options as its next token, in one pass."""
        scores = self._scores(rows, 1, adapter)[:, -1]
        return [scores[i][list(tokens)].tolist() for i, tokens in enumerate(options)]

    def log_probabilities(
        self, rows: Sequence[Sequence[int]], tails: Sequence[int], adapter: str | None
    ) -> list[float]:
        """The log-probability of each row's last ``tail`` tokens, all rows in one pass."""
        import torch

        longest = max(tails)
        scores = self._scores(rows, longest + 1, adapter)[:, :-1]
        last = torch.tensor([list(row[-longest:]) for row in rows], device=self.device)
        chosen = scores.gather(-1, last[:, :, None])[..., 0]
        return [float(row[-tail:].sum()) for row, tail in zip(chosen, tails, strict=True)]

    def _scores(self, rows: Sequence[Sequence[int]], last: int, adapter: str | None) -> Any:
        """Log-probabilities (rows, last, vocabulary) of what follows each of the last tokens."""
        import torch

        ids, mask = left_pad(rows, 0)
        own = torch.tensor(mask, device=self.device)
        with torch.inference_mode(), self._wearing(adapter):
            logits = self._model(
                input_ids=torch.tensor(ids, device=self.device),
                attention_mask=own,
                # Generation counts positions from a row's first own token; a bare pass must too.
                position_ids=(own.cumsum(-1) - 1).clamp(min=0),
                logits_to_keep=last,
            ).logits
        return logits.float().log_softmax(-1)
