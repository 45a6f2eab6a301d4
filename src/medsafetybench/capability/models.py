"""The model that answers capability questions, as lm-eval needs it.

    examinee = open_examinee("hf:demo")
    examinee.target.key                       # who that is, whatever its folder
    with examinee.ready(likelihoods=True) as (model, chat):    # weights are loaded here
        ...

Prompts are put as ``msb evaluate`` puts them: in the model's own chat template where it has one
(or the template asked for), each example an exchange of its own, and what is compared is how likely
each option is as the beginning of the reply. So a model tuned on conversations is asked in the form
it was tuned on. ``plain`` is the form for base models: one text that ends in "Answer:".
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from ..errors import MsbError, StopRun
from ..models.address import is_here
from ..models.hf_engine import choose_device, share
from ..models.opening import open_model, split_spec
from ..models.settings import Endpoint
from ..models.templates import Template, render
from ..store.capability import MeasuredTarget
from .bounded import bounded, post

if TYPE_CHECKING:
    from lm_eval.api.model import LM

    from ..models.hf import HFModel
    from ..models.openai import OpenAIModel

CPU_BATCH = 8
SERVED_TOKENS = 1 << 20
"""A served model's context: its server knows it, and says so where a prompt is too long."""

CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Served:
    """How a served model is asked: ``api`` completions or chat; ``tokenizer`` a folder or Hub id.

    Options are compared by likelihood, which takes completions that return the log-probabilities
    of the prompt, and the model's tokenizer; it defaults to the Hub id that is the model's name.
    """

    api: str = "completions"
    tokenizer: str | None = None


class Examinee(Protocol):
    """Who is measured; ``key`` is what it is asked with, where that is secret."""

    target: MeasuredTarget
    key: str | None

    def ready(self, likelihoods: bool) -> AbstractContextManager[tuple[LM, bool]]:
        """The model in lm-eval's form, and whether its prompts are conversations.

        ``likelihoods`` says whether options will be compared. Raises MsbError if it cannot answer.
        """
        ...


def open_examinee(
    spec: str,
    endpoint: Endpoint | None = None,
    batch: int | None = None,
    served: Served | None = None,
) -> Examinee:
    """The model that ``hf:...`` or ``openai:...`` names; no weights are loaded, nobody is asked.

    ``batch`` is how many prompts go through at once on this machine. Raises MsbError.
    """
    endpoint = endpoint or Endpoint()
    scheme, name = split_spec(spec, "target", ("hf", "openai"))
    if scheme == "hf":
        return _Local(spec, endpoint, batch)
    return _Served(name, endpoint, served or Served())


class _Local:
    key: str | None = None

    def __init__(self, spec: str, endpoint: Endpoint, batch: int | None) -> None:
        model: HFModel = open_model(spec, endpoint, "target")  # type: ignore[assignment]
        self.target = MeasuredTarget(model.name, model.fingerprint)
        self._files, self._template, self._dtype = model.files, model.template, model.dtype
        self._device = choose_device(endpoint.device)
        self._batch = batch

    @contextmanager
    def ready(self, likelihoods: bool) -> Iterator[tuple[LM, bool]]:
        from lm_eval.models.huggingface import HFLM

        engine = share(self._files, self._dtype, self._device)
        try:
            engine.load(self._files)
            with engine.worn(self._files.adapter_identity) as weights:
                model = HFLM(
                    pretrained=weights,
                    tokenizer=engine.tokenizer,
                    batch_size=self._batch or ("auto" if "cuda" in self._device else CPU_BATCH),
                    # Chat templates write the special tokens themselves.
                    add_bos_token=False if self._template.name in ("chat", "file") else None,
                    max_length=self._files.context,
                    softmax_dtype="float32",
                )
                model.apply_chat_template = _rendering(self._template, engine.tokenizer)
                yield model, self._template.name != "plain"
        finally:
            engine.release()


def _rendering(template: Template, tokenizer: Any) -> Any:
    """A function that renders a conversation as ``msb evaluate`` does, for lm-eval."""
    from jinja2 import TemplateError

    def chat(turns: Sequence[Mapping[str, str]], source: str | None) -> str:
        text: str = tokenizer.apply_chat_template(
            list(turns), chat_template=source, add_generation_prompt=True, tokenize=False
        )
        return text

    def rendered(turns: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        begun = "" if add_generation_prompt else turns[-1]["content"]
        asked = turns if add_generation_prompt else turns[:-1]
        try:
            return render(asked, template, chat).text + begun
        except TemplateError:  # some templates take no system turn
            return render(_without_system(asked), template, chat).text + begun

    return rendered


def _without_system(turns: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The system turn's text put before that of the first user turn."""
    system = "".join(turn["content"] for turn in turns if turn["role"] == "system")
    rest = [dict(turn) for turn in turns if turn["role"] != "system"]
    rest[0]["content"] = system + rest[0]["content"]
    return rest


class _Served:
    def __init__(self, name: str, endpoint: Endpoint, served: Served) -> None:
        from ..models.address import HOSTED
        from ..models.keys import resolve_key

        if endpoint.template not in (None, "chat", "plain"):
            raise MsbError(f"openai:{name}: --target-template {endpoint.template}; expected plain")
        if served.api not in ("completions", "chat"):
            raise MsbError(f"--target-api {served.api!r}; expected completions or chat")
        template = endpoint.template or "chat"
        model: OpenAIModel = open_model(  # type: ignore[assignment]
            f"openai:{name}", replace(endpoint, template=None), "target"
        )
        self.target = MeasuredTarget(
            model.name, {**model.fingerprint, "api": served.api, "template": template}
        )
        self._name, self._endpoint, self._served, self._template = name, endpoint, served, template
        self._url = model.url
        self.key = key = resolve_key(endpoint.url or HOSTED, endpoint.key_env, "target")
        # Never empty: lm-eval would send OPENAI_API_KEY, wherever the endpoint stands.
        self._headers = {"Authorization": f"Bearer {key}"} if key else {"Accept": "*/*"}

    @contextmanager
    def ready(self, likelihoods: bool) -> Iterator[tuple[LM, bool]]:
        with _environment_without_logins(self._url), bounded(self.key):
            yield from self._opened(likelihoods)

    def _opened(self, likelihoods: bool) -> Iterator[tuple[LM, bool]]:
        from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI

        settings = {
            "model": self._name,
            "header": self._headers,
            "num_concurrent": self._endpoint.concurrency,
            "max_retries": self._endpoint.retries + 1,
            "timeout": int(self._endpoint.timeout),
            "max_length": SERVED_TOKENS,
        }
        if self._served.api == "chat":
            if likelihoods:
                raise MsbError(self._no_likelihoods("a chat endpoint returns none"))
            yield LocalChatCompletion(base_url=f"{self._url}/chat/completions", **settings), True
            return
        if likelihoods:
            self._check_likelihoods()
        try:
            model = LocalCompletionsAPI(
                base_url=f"{self._url}/completions",
                tokenizer_backend="huggingface",
                tokenizer=self._tokenizer(),
                **settings,
            )
        except Exception as error:  # transformers and the Hub have many
            raise MsbError(
                f"no tokenizer for {self.target.name} ({type(error).__name__}); give its folder or "
                "Hub id by --target-tokenizer"
            ) from None
        chat = self._template == "chat" and bool(model.tokenizer.chat_template)
        yield model, chat

    def _tokenizer(self) -> str:
        from ..models.hf_files import DEMO

        given = self._served.tokenizer or self._name
        return str(DEMO) if given == "demo" else given

    def _check_likelihoods(self) -> None:
        """Raise MsbError unless the endpoint returns log-probabilities of the prompt."""
        import requests

        url = f"{self._url}/completions"
        asked: dict[str, Any] = {"model": self._name, "prompt": "a b", "max_tokens": 1}
        asked |= {"temperature": 0, "echo": True, "logprobs": 1}
        try:
            reply = post(
                self.key,
                url,
                json=asked,
                headers=self._headers,
                timeout=(CONNECT_SECONDS, self._endpoint.timeout),
            )
        except requests.RequestException as error:
            raise StopRun(f"{url} cannot be reached: {type(error).__name__}") from None
        if reply.status_code != requests.codes.ok:
            raise MsbError(self._no_likelihoods(f"it answered with status {reply.status_code}"))
        try:
            found = reply.json()["choices"][0]["logprobs"]["token_logprobs"]
            there = len(found) > 1
        except (ValueError, LookupError, TypeError):
            there = False
        if not there:
            raise MsbError(self._no_likelihoods("it returned none"))

    def _no_likelihoods(self, why: str) -> str:
        return (
            f"{self.target.name}: multiple choice compares the likelihood of options, which needs "
            f"a completions endpoint that returns log-probabilities of the prompt ({why}); serve "
            "it by vLLM, or measure the weights as hf:"
        )


@contextmanager
def _environment_without_logins(url: str) -> Iterator[None]:
    """``requests``, which lm-eval calls by, would send a login of ``~/.netrc`` instead of the key,
    and what is for this machine through a proxy: it is told by the environment alone not to."""
    host = urlsplit(url).hostname or ""
    told = {"NETRC": os.devnull}
    if is_here(host):
        left_out = filter(None, (os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), host))
        told |= dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(left_out))
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def counting_cut_prompts() -> Iterator[list[str]]:
    """Collects lm-eval's remarks on prompts longer than the context: their beginning is lost."""
    remarks: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said = record.getMessage()
            if "runcating" in said:
                remarks.append(said)

    logger, handler = logging.getLogger("lm_eval"), Collect(logging.WARNING)
    level, passes = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield remarks
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = passes
