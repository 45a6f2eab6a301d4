"""A reply is read up to a limit, before and after it is unpacked, whoever sends it."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib

import pytest

from medsafetybench.models.wire import LARGEST
from medsafetybench.records import Response
from replies import GOOD, Reply, ask, choice

LARGE = b" " * (2 * LARGEST) + GOOD
"""A body that would be read well, if one read on."""

BOMBS = {
    "gzip": Reply(body=gzip.compress(LARGE, 1), headers=("content-encoding: gzip",)),
    "deflate": Reply(body=zlib.compress(LARGE, 1), headers=("content-encoding: deflate",)),
    "many gzip members": Reply(
        body=gzip.compress(b" " * (1 << 20)) * 32, headers=("content-encoding: gzip",)
    ),
    "plain": Reply(body=LARGE),
    "an error": Reply(500, gzip.compress(LARGE, 1), ("content-encoding: gzip",)),
    "a refusal": Reply(401, LARGE),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_reply_beyond_the_limit_is_this_calls_error_and_fills_nothing(case: str) -> None:
    reply = BOMBS[case]
    tracemalloc.start()
    try:
        server, said = ask(reply)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(said, Response)
    assert said.error == "the reply is larger than 16 MiB"
    assert len(server.asked) == 1, "asking again costs the same again"
    if len(reply.body) < LARGEST:  # else it is the server of this test that holds it
        assert peak < 3 * LARGEST


@pytest.mark.parametrize("coding", ["gzip", "deflate", None])
def test_a_long_reply_within_the_limit_is_read(coding: str | None) -> None:
    text = "word " * 200_000
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}.get(coding or "", bytes)
    headers = (f"content-encoding: {coding}",) if coding else ()
    _, said = ask(Reply(body=pack(choice({"content": text})), headers=headers))
    assert isinstance(said, Response)
    assert said.text == text


def test_a_body_nested_without_end_is_no_completion() -> None:
    _, said = ask(Reply(body=b"[" * 100_000), retries=0)
    assert isinstance(said, Response)
    assert (said.error or "").startswith("not a completion")


def test_a_number_of_a_thousand_digits_is_no_completion() -> None:
    body = json.dumps({"choices": [{"message": {"content": "N"}}], "usage": 0})
    _, said = ask(Reply(body=body.replace("0", "9" * 10_000).encode()), retries=0)
    assert isinstance(said, Response)
