"""What works lines off on a Ray cluster: pipelines of Ray Data, from calls to lines of results.

Connect first (see ``cluster``); then ``worked_off`` yields blocks of results.
The rows lie with this process: a node that is lost takes along what its workers were at, and Ray
gives that to others. What a worker cannot answer is a line that says so.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ..cluster import workers
from ..errors import MsbError, StopRun
from ..models.carrying import Endpointed
from ..models.hf_carried import SCHEME, answer_of, read_address, read_call

BLOCK = 64
"""Lines that are worked off together, come back together, and are lost together."""
AT_ENDPOINT = 16
"""Blocks, of one call each time, that are open at an endpoint."""
SLIVER = 0.1
"""Of a core, as Ray counts, for a worker: so what ran on a lost node finds room on another."""


@dataclass(frozen=True)
class Work:
    """Whom the lines are for: a server's ``url`` with the ``path`` below it and its key, a model of
    ``hf:``, or ``vllm`` on the cluster's GPUs."""

    url: str
    path: str
    key: str | None = field(default=None, repr=False)
    vllm: bool = False


def worked_off(rows: Sequence[dict[str, str]], work: Work) -> Iterator[list[str]]:
    """Lines of results, a block as it is done, in any order; ``rows`` hold ``custom_id`` and
    ``body``."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a block that is lost is missing, and no end of the others
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    blocks = math.ceil(len(rows) / BLOCK)
    asked = ray.data.from_items(list(rows), override_num_blocks=blocks)
    if work.vllm:
        answered = _by_vllm(asked, str(orjson.loads(rows[0]["body"])["model"]))
    elif work.url.startswith(SCHEME):
        answered = _by_local_model(asked, work.url)
    else:
        answered = _by_endpoint(asked, work)
    for block in answered.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0):
        # vLLM's processor leaves out what it could not answer.
        yield [str(line) for line in block.get("line", ()) if line is not None]


def _by_local_model(asked: Any, address: str) -> Any:
    from ray.data import ActorPoolStrategy

    n, threads, gpu = workers()
    return asked.map_batches(
        LocalModel,
        fn_constructor_args=(address, threads),
        batch_size=None,  # a block at a time
        compute=ActorPoolStrategy(size=n, max_tasks_in_flight_per_actor=2),
        num_cpus=SLIVER,
        num_gpus=1 if gpu else None,
    )


class LocalModel:
    """A model in a worker's memory, loaded once, when the first block comes."""

    def __init__(self, address: str, threads: int) -> None:
        self._endpoint, self._identity = read_address(address)
        self._threads = threads
        self._loop = asyncio.new_event_loop()
        self._model: Any = None

    def __call__(self, block: dict[str, Any]) -> dict[str, list[str]]:
        """The lines of a block's answers."""
        bodies = [str(body).encode() for body in block["body"]]
        names = [str(name) for name in block["custom_id"]]
        answers = self._loop.run_until_complete(self._answers(bodies))
        return {"line": [line_of(*one) for one in zip(names, answers, strict=True)]}

    async def _answers(self, bodies: Sequence[bytes]) -> list[tuple[int, dict[str, Any]]]:
        try:
            model = self._opened(orjson.loads(bodies[0])["model"])
            said = await asyncio.gather(*(model.complete(*read_call(body)) for body in bodies))
        except MsbError as fault:
            told = {"error": {"message": f"{socket.gethostname()}: {fault}"}}
            return [(500, told)] * len(bodies)
        return [answer_of(response) for response in said]

    def _opened(self, name: str) -> Any:
        if self._model is None:
            import torch

            from ..models.hf import HFModel

            torch.set_num_threads(self._threads)
            model = HFModel(name, self._endpoint)
            if Endpointed(name, "", model.fingerprint).identity != self._identity:
                raise StopRun(f"the files of {name} are not what they are where the run is")
            self._model = model
        return self._model


def _by_endpoint(asked: Any, work: Work) -> Any:
    """By Ray's processor for HTTP, which sends a block's calls one after the other."""
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    def read(row: dict[str, Any]) -> dict[str, Any]:
        return {"custom_id": row["custom_id"], "payload": orjson.loads(row["body"])}

    config = HttpRequestProcessorConfig(
        url=f"{work.url}/{work.path}",
        headers={"Authorization": f"Bearer {work.key}"} if work.key else None,
        batch_size=1,
        concurrency=(1, AT_ENDPOINT),
        max_retries=3,
        http_request_stage={"num_cpus": SLIVER},
    )
    return build_processor(config, preprocess=read, postprocess=_of_endpoint)(asked)


def _of_endpoint(row: dict[str, Any]) -> dict[str, str]:
    return {"line": line_of(row["custom_id"], (200, row["http_response"]))}


def _by_vllm(asked: Any, model: str) -> Any:
    """By Ray's processor for vLLM, one engine a GPU. Written by its documents: there was no GPU."""
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    config = vLLMEngineProcessorConfig(
        model_source=model,
        batch_size=BLOCK,
        concurrency=workers()[0],
        should_continue_on_error=True,
    )
    return build_processor(config, preprocess=_for_vllm, postprocess=_of_vllm)(asked)


def _for_vllm(row: dict[str, Any]) -> dict[str, Any]:
    told = orjson.loads(row["body"])
    messages, sampling = told.pop("messages"), {k: v for k, v in told.items() if k != "model"}
    return {"custom_id": row["custom_id"], "messages": messages, "sampling_params": sampling}


def _of_vllm(row: dict[str, Any]) -> dict[str, str]:
    written, most = int(row["num_generated_tokens"]), row["sampling_params"].get("max_tokens")
    message = {"role": "assistant", "content": row["generated_text"]}
    reason = "length" if most is not None and written >= most else "stop"
    usage = {"prompt_tokens": int(row["num_input_tokens"]), "completion_tokens": written}
    body = {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}
    return {"line": line_of(row["custom_id"], (200, body))}


def line_of(custom_id: str, answer: tuple[int, Any]) -> str:
    """A line of results, in the form of OpenAI's batch files."""
    status, body = answer
    told = {
        "custom_id": custom_id,
        "response": {"status_code": status, "body": body},
        "error": None,
    }
    return orjson.dumps(told, default=_plain).decode()


def _plain(value: Any) -> Any:
    """What Arrow has made of a list or a number."""
    return value.tolist()
