"""One call path over real sockets: what is tried again, what stops a run, what stays secret."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from conftest import Server, free_port
from medsafetybench.errors import BudgetSpent, StopRun
from medsafetybench.models import Budget, Meter, openai, retry
from medsafetybench.models.health import FAILURES_IN_A_ROW
from medsafetybench.models.openai import OpenAIModel
from medsafetybench.records import RAW, Response, Sampling
from replies import (
    ASKED,
    KEY,
    Asked,
    Reply,
    Scripted,
    ask,
    choice,
    failed,
    once,
    one_line,
    with_server,
)
from server import answer_to, completion

pytestmark = pytest.mark.usefixtures("no_time_lost")


# What is sent


def test_what_is_sent_is_model_messages_and_sampling() -> None:
    server, _ = ask(Reply())
    assert server.asked[0].head.startswith("POST /v1/chat/completions ")
    assert server.asked[0].json == {
        **{"model": "model", "messages": ASKED, "temperature": 0.0, "max_tokens": 512}
    }


def test_a_parameter_of_ones_own_is_added_and_null_drops_one() -> None:
    sampling = Sampling(0.5, 9, seed=3, extra={"top_k": 1, "max_tokens": None})
    server, _ = with_server([Reply()], lambda model: model.complete(ASKED, sampling))
    assert server.asked[0].json == {
        **{"model": "model", "messages": ASKED, "temperature": 0.5, "seed": 3, "top_k": 1}
    }


def test_a_raw_text_is_continued_without_a_chat_template() -> None:
    raw = [{"role": RAW, "content": "Once"}]
    body = json.dumps(completion("model", "upon", raw=True)).encode()
    server, said = with_server([Reply(body=body)], lambda m: m.complete(raw, Sampling()))
    assert server.asked[0].head.startswith("POST /v1/completions ")
    assert server.asked[0].json["prompt"] == "Once"
    assert isinstance(said, Response)
    assert said.text == "upon"


# What is tried again

PASSING = {
    **{f"HTTP {status}": Reply(status, b"busy") for status in (408, 409, 429, 500, 502, 503, 529)},
    "hung up": Reply(None),
    "no JSON": Reply(body=b'{"choices": [{"mess'),
    "no choice": Reply(body=b'{"choices": []}'),
    "a choice of nothing": Reply(body=b'{"choices": [{"finish_reason": "stop"}]}'),
    "an error in a 200": Reply(body=failed("overloaded")),
    "an error with its own status": Reply(body=json.dumps({"error": {"code": 429}}).encode()),
    "an error in the choice": Reply(body=choice({"content": "Su"}, error={"code": 502})),
    "an error for a reason": Reply(body=choice({"content": "Su"}, finish_reason="error")),
    "a page": Reply(body=b"<!DOCTYPE html><title>Sign in to the hotel's network</title>"),
    "nothing": Reply(body=b""),
    "content a number": Reply(body=choice({"content": 5})),
    "a list": Reply(body=b"[]"),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_may_pass_is_tried_again(fault: str) -> None:
    server, said = ask(PASSING[fault], PASSING[fault], Reply())
    assert isinstance(said, Response)
    assert (said.text, len(server.asked)) == ("Fine.", 3)


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("retries", [0, 3])
def test_tries_are_bounded_and_then_it_is_this_calls_error(fault: str, retries: int) -> None:
    server, said = ask(PASSING[fault], retries=retries)
    assert isinstance(said, Response)
    assert (said.error or "").endswith(f"({retries + 1} tries)")
    assert len(server.asked) == retries + 1


def test_a_server_that_hangs_is_left_after_the_timeout(serve: Callable[..., Server]) -> None:
    model = OpenAIModel("model", serve("--fault", "hang=1").url, timeout=0.1, retries=1)
    started = time.monotonic()
    said = asyncio.run(once(model))
    assert said.error == "no answer within 0.1 s (2 tries)"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("header", ["Retry-After: 0.3", "retry-after-ms: 300"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(header: str, status: int) -> None:
    server, _ = ask(Reply(status, b"", (header,)), Reply())
    first, second = (asked.at for asked in server.asked)
    assert 0.3 <= second - first < 1.5


def test_calls_retries_and_tokens_are_counted() -> None:
    meter = Meter()
    ask(Reply(500), Reply(429), Reply(), meter=meter)
    assert (meter.calls, meter.retries, meter.input_tokens, meter.output_tokens) == (3, 2, 20, 12)


def test_retries_are_paid_from_the_budget() -> None:
    with pytest.raises(BudgetSpent):
        ask(Reply(500), meter=Meter(Budget(2)))


NOW = datetime.now(UTC)
ASKS = {
    "seconds": ({"retry-after": "7"}, 7),
    "a fraction": ({"retry-after": "0.5"}, 0.5),
    "milliseconds": ({"retry-after-ms": "1500"}, 1.5),
    "a past date": ({"retry-after": format_datetime(NOW - timedelta(days=1), usegmt=True)}, 0),
    "nothing": ({}, None),
    "a word": ({"retry-after": "soon"}, None),
    "a duration": ({"retry-after": "6m0s"}, 360),
    "a duration with a space": ({"retry-after": "20 s"}, 20),
    "a short duration": ({"retry-after": "200ms"}, 0.2),
    "milliseconds with their unit": ({"retry-after-ms": "200ms"}, 0.2),
    "no number": ({"retry-after": "nan"}, None),
    "no end": ({"retry-after": "1e400"}, None),
    "milliseconds without end": ({"retry-after-ms": "inf"}, None),
    "milliseconds that are none, beside seconds": (
        {"retry-after-ms": "nan", "retry-after": "7"},
        7,
    ),
    "a past ISO date": ({"retry-after": "2020-01-01T00:00:00Z"}, 0),
    "nothing in it": ({"retry-after": ""}, None),
    "a negative number": ({"retry-after": "-5"}, None),
    "a past date without a zone": ({"retry-after": "2020-01-01T00:00:00"}, 0),
    "no wait": ({"retry-after": "0"}, 0),
    "no wait, in milliseconds, before seconds": ({"retry-after-ms": "0", "retry-after": "7"}, 0),
    "a duration, and more": ({"retry-after": "6m or so"}, None),
    "milliseconds in words": ({"retry-after-ms": "soon"}, None),
}


@pytest.mark.parametrize(
    ("zone", "hours"), [("", 1), ("Z", 1), ("+00:00", 1), ("-02:00", 3), ("+00:30", 0.5)]
)
def test_a_date_is_of_its_zone_or_of_utc(zone: str, hours: float) -> None:
    when = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None).isoformat()
    found = retry.retry_after({"retry-after": when + zone})
    assert found == pytest.approx(hours * 3600, abs=60)


@pytest.mark.parametrize("case", ASKS)
def test_retry_after_is_read_in_every_form(case: str) -> None:
    headers, seconds = ASKS[case]
    assert retry.retry_after(headers) == seconds


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 58 <= (retry.retry_after({"retry-after": later}) or 0) <= 60


@pytest.mark.parametrize("asked_for", [3600.0, float("inf")])
def test_a_server_cannot_ask_for_more_than_two_minutes(asked_for: float) -> None:
    assert retry.wait(0, asked_for) == retry.LONGEST_RETRY_AFTER


def test_waits_double_up_to_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.5)
    for attempt, longest in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
        assert longest / 2 <= retry.wait(attempt) <= longest


def test_calls_that_failed_together_do_not_come_back_together() -> None:
    assert len({retry.wait(3) for _ in range(20)}) == 20


# What stops the run

FINAL = {
    "400": (Reply(400, failed("no such parameter")), "no such parameter.*--target-param"),
    "401": (Reply(401, failed("who?")), "who.*the key that was sent is not accepted.*msb doctor"),
    "402": (Reply(402, failed("pay")), "HTTP 402: pay"),
    "403": (Reply(403, failed("no")), "the key that was sent is not accepted.*msb doctor"),
    "404": (Reply(404, failed("no")), "Check the model name 'model' and the address"),
    "422": (Reply(422, b'{"detail": "bad field"}'), "HTTP 422: bad field"),
    "HTML": (Reply(404, b"<html>\n<p>not\nfound"), "HTTP 404: not found"),
    "no quota": (Reply(429, failed("no", "insufficient_quota")), "no quota left"),
    "terminal commands": (Reply(400, failed("a\x1b[2J\u202eb")), r"HTTP 400: a \[2J b\."),
    "moved": (Reply(301, b"", ("location: http://there/v1",)), "points to http://there/v1"),
}


@pytest.mark.parametrize("case", FINAL)
def test_a_fault_that_stays_stops_the_run_at_once_with_the_remedy(case: str) -> None:
    reply, remedy = FINAL[case]
    server, error = ask(reply, key=KEY)
    assert server.url in one_line(error)
    assert re.search(remedy, one_line(error))
    assert len(server.asked) == 1


def test_a_missing_key_is_told_from_a_wrong_one(serve: Callable[..., Server]) -> None:
    model = OpenAIModel("model", serve("--key", KEY).url)
    with pytest.raises(StopRun, match="no key was sent"):
        asyncio.run(once(model))


def test_the_right_key_is_let_in(serve: Callable[..., Server]) -> None:
    model = OpenAIModel("model", serve("--key", KEY).url, key=KEY)
    assert asyncio.run(once(model)).text == answer_to("How?")


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_a_server_that_is_not_there_stops_the_run_soon(retries: int) -> None:
    model = OpenAIModel("model", f"http://127.0.0.1:{free_port()}/v1", retries=retries)
    started = time.monotonic()
    with pytest.raises(StopRun, match=r"is not there \(.*start it or correct the address"):
        asyncio.run(once(model))
    assert time.monotonic() - started < 2


def test_a_host_of_no_such_name_stops_the_run() -> None:
    model = OpenAIModel("model", "http://no-such-host.invalid/v1")
    with pytest.raises(StopRun, match="is not there"):
        asyncio.run(once(model))


def test_a_host_that_lets_nobody_connect_stops_the_run_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openai, "CONNECT_SECONDS", 0.05)
    with socket.socket() as mute, socket.socket() as first, socket.socket() as second:
        mute.bind(("127.0.0.1", 0))
        mute.listen(0)
        for waiting in (first, second):  # fill its backlog: whoever comes next gets no word
            waiting.setblocking(False)
            waiting.connect_ex(mute.getsockname())
        model = OpenAIModel("model", f"http://127.0.0.1:{mute.getsockname()[1]}/v1")
        started = time.monotonic()
        with pytest.raises(StopRun, match="is not there"):
            asyncio.run(once(model))
    assert time.monotonic() - started < 2


def test_a_server_that_has_gone_stops_the_run() -> None:
    async def ask_and_close() -> str:
        async with Scripted([Reply()]) as server:
            model = OpenAIModel("model", server.url, retries=2)
            await model.complete(ASKED, Sampling())
        with pytest.raises(StopRun) as raised:
            await once(model)
        return one_line(raised.value)

    assert "no longer answers" in asyncio.run(ask_and_close())


def test_so_many_failures_in_a_row_stop_the_run() -> None:
    calls: list[Response] = []

    async def go_on(model: OpenAIModel) -> Response:
        while True:
            calls.append(await model.complete(ASKED, Sampling()))

    _, error = with_server([Reply(500, b"down")], go_on, retries=0)
    assert f"the last {FAILURES_IN_A_ROW} calls" in one_line(error)
    assert len(calls) == FAILURES_IN_A_ROW - 1 == 24


def test_a_success_begins_the_count_anew() -> None:
    replies = [*[Reply(500)] * 24, Reply(), *[Reply(500)] * 24, Reply()]

    async def fifty(model: OpenAIModel) -> Response:
        for _ in replies[1:]:
            await model.complete(ASKED, Sampling())
        return await model.complete(ASKED, Sampling())

    _, said = with_server(replies, fifty, retries=0)
    assert isinstance(said, Response)
    assert said.text == "Fine."


# What stays secret


def test_a_redirect_is_not_followed_and_nothing_is_sent_there() -> None:
    async def run() -> tuple[str, list[Asked]]:
        async with Scripted([Reply()]) as there:
            location = f"location: {there.url}/chat/completions"
            async with Scripted([Reply(307, b"", (location,))]) as here:
                with pytest.raises(StopRun) as raised:
                    await once(OpenAIModel("model", here.url, key=KEY))
                return one_line(raised.value), there.asked

    message, asked = asyncio.run(run())
    assert "points to" in message
    assert asked == []


@pytest.mark.parametrize("letters", [0, 40, 265, 280], ids="after {} letters".format)
@pytest.mark.parametrize("status", [200, 307, 400, 401, 403, 404, 429, 500])
def test_the_key_is_in_no_error_text_though_the_server_repeats_it(
    status: int, letters: int
) -> None:
    server, said = ask(Reply(status, echo=letters), key=KEY, retries=0)
    text = str(said.error if isinstance(said, Response) else said)
    assert KEY in server.asked[0].head
    # Nor a piece of it, where the message was cut.
    assert KEY[:10] not in text


def test_a_key_that_is_a_common_word_leaves_responses_alone() -> None:
    _, said = ask(Reply(body=choice({"content": "The ward is EMPTY."})), key="EMPTY")
    assert isinstance(said, Response)
    assert said.text == "The ward is EMPTY."


def test_a_key_that_is_a_common_word_changes_no_meaning_of_an_error() -> None:
    _, said = ask(Reply(400, failed("Too long", "context_length_exceeded")), key="code")
    assert isinstance(said, Response)
    assert said.error == "HTTP 400: Too long"
