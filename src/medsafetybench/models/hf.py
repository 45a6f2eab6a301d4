"""A model on this machine, through transformers: ``hf:ORG/NAME``, a folder, a GGUF file, ``demo``.

    model = HFModel("FOLDER+ADAPTER", Endpoint(dtype="bfloat16"))
    response = await model.complete([{"role": "user", "content": "..."}], Sampling())

Calls that wait are generated in batches, one batch at a time; a batch's responses are handed out
as it ends, so that a kill costs one batch. Greedy by default. The weights are loaded at the first
call: a dry run, or a run that is done, loads none.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Self

from ..errors import BudgetSpent, MsbError, StopRun
from ..records import Conversation, Response, Sampling, digest
from . import hf_engine as engines
from .hf_batching import BatchSize, Failed, choose_batch, in_common, in_halves, until_end, whole
from .hf_carried import carried, local_carrier
from .hf_engine import Engine
from .hf_files import ModelFiles, resolve
from .hf_memory import LIBRARIES, available, gigabytes
from .model import Choice, Meter
from .settings import Endpoint
from .signs import any_of, defused
from .templates import (
    Prompt,
    Template,
    choose_template,
    in_time,
    is_one_request,
    opens_thought,
    own_signs,
    render,
)
from .thinking import Split, split

FIRST_BATCH = {"cpu": 64, "mps": 32, "cuda": 128}
POOL_BATCHES = 8
"""How many batches may wait at once: the more, the more alike in length are a batch's calls."""

GATHER_SECONDS = 0.02
"""How long a batch that is not full waits for more calls; longer than a commit of the store."""

LETTERS_A_TOKEN, TEMPLATE_TOKENS = 4, 32
"""How long a prompt is taken to be before there is a tokenizer: rules of thumb for English."""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Call:
    """A waiting call: what the engine is to do, and who waits for it."""

    kind: tuple[Hashable, ...]
    rows: Sequence[Sequence[int]]
    work: Callable[[Sequence[_Call]], Sequence[Any]]
    done: asyncio.Future[Any] = field(repr=False)

    @property
    def length(self) -> int:
        return max(map(len, self.rows))


class HFModel:
    """See the module's docstring. Raises MsbError for files that are missing or do not fit."""

    def __init__(
        self, name: str, endpoint: Endpoint | None = None, meter: Meter | None = None
    ) -> None:
        endpoint = endpoint or Endpoint()
        engines.require("torch", "transformers")
        self.files = resolve(name, endpoint.revision, endpoint.trust_remote_code)
        if self.files.adapter:
            engines.require("peft")
        device = engines.choose_device(endpoint.device)
        self.dtype = engines.choose_dtype(endpoint.dtype, device)
        self.template = _template(endpoint.template, self.files)
        self.name = f"hf:{self.files.label}"
        self._told = name, endpoint
        self.meter = meter or Meter()
        first = FIRST_BATCH[device.partition(":")[0]]
        self.sizes = {"generate": BatchSize(first), "choose": BatchSize(first)}
        self.concurrency = max(endpoint.concurrency, first * POOL_BATCHES)
        self._device = device
        self._held: Engine | None = None
        self._adapter = self.files.adapter_identity
        self._loading: asyncio.Task[None] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._waiting: list[_Call] = []
        self._longest = (0, 0)

    @classmethod
    def open(cls, name: str, endpoint: Endpoint, role: str, meter: Meter | None) -> Self:
        """See ``opening``. Raises MsbError for a target with an address."""
        # A panel may have one address for all its judges; a target's can only be a mistake.
        if role == "target" and (endpoint.url or endpoint.key_env):
            raise MsbError(
                f"hf:{name} runs on this machine; drop --target-url and --target-key-env"
            )
        return cls(name, endpoint, meter)

    @property
    def fingerprint(self) -> Mapping[str, Any]:
        """What the files hold, wherever they lie, the template and the dtype.

        ``template`` says ``plain`` where a base model has no chat template.
        """
        return {
            "model": self.name,
            "weights": digest([self.files.base_identity, self.files.adapter_identity]),
            "template": self.template.fingerprint,
            "dtype": self.dtype,
        }

    @property
    def engine(self) -> Engine:
        """The base model in memory, taken hold of at the first call."""
        if self._held is None:
            self._held = engines.share(self.files, self.dtype, self._device)
        return self._held

    async def complete(self, conversation: Conversation, sampling: Sampling) -> Response:
        """See ``Model.complete``. Latency is from the begin of its batch to its own last token."""
        if by := local_carrier():
            return carried(by, *self._told, self.fingerprint, conversation, sampling, self.meter)
        self.meter.call()
        await self._ready(conversation, sampling.max_tokens)
        if unknown := sorted(set(sampling.extra) - set(engines.SETTABLE)):
            known = ", ".join(engines.SETTABLE)
            raise StopRun(f"hf: has no parameter {unknown[0]!r}; expected one of {known}")
        try:
            prompt = self._prompt(conversation)
        except StopRun as refused:
            if is_one_request(conversation):
                raise
            return Response(error=str(refused))  # the next conversation may have other turns
        ids = self._encode(prompt)
        room = self._room(ids)
        if room is not None and room < 1:
            return Response(error=self._too_long(ids))
        new_tokens = sampling.max_tokens if room is None else min(sampling.max_tokens, room)
        kind = ("generate", new_tokens, repr(sampling))
        work = partial(self._generate, new_tokens, sampling)
        outcome = await self._wait(kind, [ids], work)
        if isinstance(outcome, Failed):
            return Response(error=f"out of memory on a prompt of {len(ids)} tokens, alone")
        response = self._response(prompt, ids, *outcome)
        self.meter.tokens(response)
        return response

    async def choose(
        self, conversation: Conversation, prefix: str, options: Sequence[str]
    ) -> Choice | None:
        """Which of the options the model would likeliest write after ``prefix``.

        ``prefix`` is the beginning of its answer. None where it does not fit the context or memory.
        """
        self.meter.call()
        await self._ready(conversation)
        prompt = self._prompt(conversation)
        texts = [Prompt(prompt.text + prefix + o, prompt.special_tokens) for o in options]
        rows = [self._encode(text) for text in texts]
        room = self._room(max(rows, key=len))
        if room is not None and room < 0:
            return None
        outcome = await self._wait(("choose",), rows, self._score)
        if isinstance(outcome, Failed):
            return None
        self.meter.input_tokens += len(rows[0])
        best = max(range(len(options)), key=outcome.__getitem__)
        total = sum(math.exp(score - outcome[best]) for score in outcome)
        return Choice(options[best], 1 / total, len(rows[0]))

    def _prompt(self, conversation: Conversation) -> Prompt:
        prompt = render(defused(conversation, self._signs), self.template, self._chat)
        if not prompt.special_tokens:
            self._check_signs(prompt, conversation)
        return prompt

    @cached_property
    def _signs(self) -> frozenset[str]:
        tokens = self.engine.control_tokens
        return tokens | own_signs(self.template, self._chat, tokens)

    def _check_signs(self, prompt: Prompt, conversation: Conversation) -> None:
        """Raise StopRun if more control tokens come out of a template than it writes by itself: it
        may join what was said in pieces."""
        tokens = any_of(self.engine.control_tokens)
        innocent = [{**turn, "content": "x"} for turn in conversation]
        own = render(innocent, self.template, self._chat)
        if len(tokens.findall(prompt.text)) > len(tokens.findall(own.text)):
            raise StopRun(
                f"the chat template of {self.name} makes control tokens of what was said; choose "
                "another template"
            )

    def _chat(self, conversation: Conversation, source: str | None) -> str:
        try:
            with in_time():
                text: str = self.engine.tokenizer.apply_chat_template(
                    list(conversation),
                    chat_template=source,
                    add_generation_prompt=True,
                    tokenize=False,
                )
        except Exception as error:  # a template fails in as many ways as a program
            said = " ".join(str(error).split())[:200]
            raise StopRun(
                f"the chat template of {self.name} does not take this conversation: {said}; "
                "drop the system prompt, or choose another template"
            ) from None
        return text

    def _encode(self, prompt: Prompt) -> list[int]:
        ids: list[int] = self.engine.tokenizer.encode(
            prompt.text, add_special_tokens=prompt.special_tokens
        )
        return ids

    def _room(self, ids: Sequence[int]) -> int | None:
        """How many tokens the context still holds after these; None where it is unlimited."""
        context = self.files.context
        return None if context is None else context - len(ids)

    def _too_long(self, ids: Sequence[int]) -> str:
        context = self.files.context
        return f"the prompt has {len(ids)} tokens, and the context of {self.name} holds {context}"

    def _generate(
        self, new_tokens: int, sampling: Sampling, batch: Sequence[_Call]
    ) -> list[tuple[list[int], list[float]]]:
        """For each call its new tokens, and when each of them was there: seconds from the batch's
        begin."""
        rows = [call.rows[0] for call in batch]
        begun, at = time.perf_counter(), list[float]()

        def step() -> None:
            at.append(time.perf_counter() - begun)
            self.meter.doing = f"{len(rows)} answers at token {len(at)} of {new_tokens}"

        try:
            found = self.engine.generate(rows, self._adapter, new_tokens, sampling, step)
        finally:
            self.meter.doing = None
        return [(row, at) for row in found]

    def _score(self, batch: Sequence[_Call]) -> list[list[float]]:
        """For each call, the log-probability of each row beyond what its rows have in common."""
        if all(in_common(call.rows) == call.length - 1 for call in batch):
            # The options are one token each, as digits are: one row tells them all.
            heads = [call.rows[0][:-1] for call in batch]
            options = [[row[-1] for row in call.rows] for call in batch]
            return self.engine.next_log_probabilities(heads, options, self._adapter)
        rows = [row for call in batch for row in call.rows]
        tails = [len(row) - in_common(call.rows) for call in batch for row in call.rows]
        scores = iter(self.engine.log_probabilities(rows, tails, self._adapter))
        return [[next(scores) for _ in call.rows] for call in batch]

    def _response(
        self, prompt: Prompt, ids: Sequence[int], new: Sequence[int], at: Sequence[float]
    ) -> Response:
        own, ended = until_end(new, self.engine.ends)
        said = self._said(own, opens_thought(prompt), cut_off=not ended)
        tokens = len(own) + ended
        return Response(
            text=said.answer,
            finish_reason="stop" if ended else "length",
            input_tokens=len(ids),
            output_tokens=tokens,
            latency=at[min(tokens, len(at)) - 1] if at else None,
            thinking=said.thinking,
            thinking_tokens=tokens - self._count(said.answer) if said.thinking else None,
        )

    def _said(self, own: Sequence[int], inside: bool, cut_off: bool) -> Split:
        """The text of a response, and its thought: a special token may be what parts them."""
        tokenizer = self.engine.tokenizer
        marked = whole(tokenizer.decode(own, skip_special_tokens=False))
        found = split(marked, inside=inside, cut_off=cut_off)
        if found == Split(None, marked):
            return Split(None, whole(tokenizer.decode(own, skip_special_tokens=True)))
        thinking, answer = found.thinking or "", found.answer
        for token in tokenizer.all_special_tokens:
            thinking, answer = thinking.replace(token, ""), answer.replace(token, "")
        return Split(thinking.strip() or None, answer.strip())

    def _count(self, text: str) -> int:
        return len(self.engine.tokenizer.encode(text, add_special_tokens=False))

    async def _ready(self, conversation: Conversation = (), new_tokens: int = 1) -> None:
        """Load the model, once for all calls that wait for it."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        if not self._loading.done():
            said = sum(len(turn["content"]) for turn in conversation)
            self._longest = max(self._longest, (said, new_tokens))
        await asyncio.shield(self._loading)

    async def _load(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)  # until the calls of a first batch wait
        if size := self._fitting():
            log.info("%s takes about %s of memory", self.name, gigabytes(size))
        await self.engine.run(partial(self.engine.load, self.files))

    def _fitting(self) -> float | None:
        """``_memory``, with batches halved until it is there: a CPU's system kills who takes more.

        A CUDA device says when it is full, and batches are halved then.
        """
        size = self._memory()
        while (
            size
            and self._device == "cpu"
            and size > available()
            and self.sizes["generate"].size > 1
        ):
            self.sizes["generate"].too_large(self.sizes["generate"].size)
            size = self._memory()
        return size

    def _memory(self) -> float | None:
        """Bytes that the process will take for batches such as wait now; None where unknown."""
        if self.files.shape is None:
            return None
        letters, new_tokens = self._longest
        prompt = TEMPLATE_TOKENS + letters // LETTERS_A_TOKEN
        batch, width = self.sizes["generate"].size, engines.WIDTH[self.dtype]
        libraries = 0 if self._device.startswith("cuda") else LIBRARIES
        return libraries + self.files.shape.generating(batch, prompt, new_tokens, width)

    async def _wait(
        self,
        kind: tuple[Hashable, ...],
        rows: Sequence[Sequence[int]],
        work: Callable[[Sequence[_Call]], Sequence[Any]],
    ) -> Any:
        """The outcome for these rows once their batch has ended."""
        call = _Call(kind, rows, work, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return await call.done

    async def _serve(self) -> None:
        """Batch after batch until nobody waits."""
        while self._waiting:
            size = self.sizes[str(self._waiting[0].kind[0])]
            if len(self._waiting) < size.size:
                await asyncio.sleep(GATHER_SECONDS)
            self._waiting = [call for call in self._waiting if not call.done.done()]
            if self.meter.ending:
                self._call_off()
            elif self._waiting:
                await self._serve_batch(choose_batch(self._waiting, size.size), size)

    def _call_off(self) -> None:
        """Nothing has been spent on calls that only wait for their batch."""
        for call in self._waiting:
            call.done.set_exception(BudgetSpent())
        self.meter.take_back(len(self._waiting))
        self._waiting = []

    async def _serve_batch(self, batch: list[_Call], size: BatchSize) -> None:
        work = partial(in_halves, batch, batch[0].work, engines.out_of_memory, size)
        try:
            outcomes = await self.engine.run(work)
        except Exception as error:  # whatever a model's code raises, going on makes no sense
            said = " ".join(str(error).split())[:300]
            fault = StopRun(f"{self.name} failed: {type(error).__name__}: {said}")
            for call in batch:
                if not call.done.done():
                    call.done.set_exception(fault)
            return
        for call, outcome in zip(batch, outcomes, strict=True):
            if not call.done.done():
                call.done.set_result(outcome)

    async def close(self) -> None:
        """Stop at the next token, and free the memory unless others use the same base."""
        if self._serving is not None:
            self._serving.cancel()
        if self._held is not None:
            self._held.release()
            self._held = None


def _template(asked: str | None, files: ModelFiles) -> Template:
    """The template asked for, else the one the adapter was tuned with, else the base's own."""
    if asked is None and files.trained_template:
        return Template(*files.trained_template)
    return choose_template(asked, files.base, files.adapter)
