"""Which refusals belong to their request, and which stop the run: over real sockets."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from medsafetybench.models import Meter, retry
from medsafetybench.models.health import FAILURES_IN_A_ROW
from medsafetybench.models.openai import OpenAIModel
from medsafetybench.records import Response, Sampling
from replies import (
    ASKED,
    Reply,
    Scripted,
    ask,
    at_once,
    failed,
    one_line,
    with_server,
)

pytestmark = pytest.mark.usefixtures("no_time_lost")


OWN_FAULT = {
    **{f"filtered, {status}": (status, "flagged for violence") for status in (400, 403, 422)},
    **{f"too long, {status}": (status, "the prompt is too long") for status in (400, 413, 422)},
}


@pytest.mark.parametrize("case", OWN_FAULT)
def test_a_refusal_that_says_so_belongs_to_its_request_before_any_answer(case: str) -> None:
    status, words = OWN_FAULT[case]
    server, said = ask(Reply(status, failed(words)))
    assert isinstance(said, Response)
    assert said.filtered is case.startswith("filtered")
    assert f"HTTP {status}: {words}" in (said.notice, said.error)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 422, 451])
def test_any_refusal_belongs_to_its_request_once_another_was_answered(status: int) -> None:
    replies = [Reply(), Reply(status, failed("no, for once")), Reply()]

    async def thrice(model: OpenAIModel) -> Response:
        found = [await model.complete(ASKED, Sampling()) for _ in replies]
        assert [response.text for response in found] == ["Fine.", "", "Fine."]
        return found[1]

    _, said = with_server(replies, thrice)
    assert isinstance(said, Response)
    assert said.error == f"HTTP {status}: no, for once"


PAGE = b"<!DOCTYPE html><title>Attention Required!</title><body>you have been blocked</body>"


def test_a_firewalls_page_is_a_filter_once_another_was_answered() -> None:
    async def twice(model: OpenAIModel) -> Response:
        await model.complete(ASKED, Sampling())
        return await model.complete(ASKED, Sampling())

    _, said = with_server([Reply(), Reply(403, PAGE)], twice)
    assert isinstance(said, Response)
    assert said.filtered
    assert said.notice == "HTTP 403: Attention Required! you have been blocked"
    _, error = ask(Reply(403, PAGE))
    assert "you have been blocked" in one_line(error), "all may be blocked"


@pytest.mark.parametrize("status", [400, 403, 422])
def test_what_an_earlier_run_was_answered_counts(status: int) -> None:
    meter = Meter(answered_before=True)
    _, said = ask(Reply(status, failed("no, for once")), meter=meter)
    assert isinstance(said, Response)
    assert said.error == f"HTTP {status}: no, for once"


@pytest.mark.parametrize("status", [401, 404])
def test_a_key_or_a_model_that_is_wrong_now_stops_a_resumed_run_at_once(status: int) -> None:
    server, error = ask(Reply(status, failed("no")), meter=Meter(answered_before=True))
    assert f"HTTP {status}" in one_line(error)
    assert len(server.asked) == 1


def test_so_many_refusals_in_a_row_stop_the_run_with_the_remedy() -> None:
    calls: list[Response] = []

    async def go_on(model: OpenAIModel) -> Response:
        while True:
            calls.append(await model.complete(ASKED, Sampling()))

    _, error = with_server([Reply(), Reply(400, failed("no"))], go_on)
    assert re.search("the last 25 calls .* HTTP 400: no; .*--target-param", one_line(error))
    assert len(calls) == FAILURES_IN_A_ROW


def test_no_number_of_filtered_requests_stops_a_run() -> None:
    async def many(model: OpenAIModel) -> Response:
        for _ in range(2 * FAILURES_IN_A_ROW):
            said = await model.complete(ASKED, Sampling())
        return said

    _, said = with_server([Reply(400, failed("no", "content_filter"))], many)
    assert isinstance(said, Response)
    assert said.filtered


def test_no_quota_stops_a_run_that_was_answered() -> None:
    async def twice(model: OpenAIModel) -> Response:
        await model.complete(ASKED, Sampling())
        return await model.complete(ASKED, Sampling())

    _, error = with_server([Reply(), Reply(200, failed("no", "insufficient_quota"))], twice)
    assert "no quota left" in one_line(error)


def test_the_first_refusal_waits_for_the_calls_under_way() -> None:
    """A refusal is quicker than an answer: who came first says nothing."""

    async def run() -> None:
        replies = [Reply(400, failed("no")), Reply(after=0.3), Reply(after=0.3)]
        async with Scripted(replies) as server:
            model = OpenAIModel("model", server.url)
            found = await at_once(model, 3)
        assert sorted(str(getattr(said, "error", said)) for said in found) == [
            "HTTP 400: no",
            "None",
            "None",
        ]

    asyncio.run(run())


def test_where_all_calls_under_way_are_refused_the_run_stops() -> None:
    async def run() -> None:
        async with Scripted([Reply(400, failed("no"))]) as server:
            model = OpenAIModel("model", server.url)
            found = await at_once(model, 5)
        assert len({one_line(error) for error in found}) == 1

    asyncio.run(run())


def test_who_waits_to_try_again_does_not_once_the_run_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 60.0)

    async def run() -> None:
        replies = [Reply(500), Reply(402, failed("pay"), after=0.2)]
        async with Scripted(replies) as server:
            model = OpenAIModel("model", server.url)
            found = await at_once(model, 2)
        assert [one_line(error) for error in found] == [one_line(found[0])] * 2

    started = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - started < 10
