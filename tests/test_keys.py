"""A key goes to the server that it is for, and what that server says back is stored without it."""

from __future__ import annotations

import json
import os
import threading
import warnings
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from medsafetybench.capability.models import open_examinee
from medsafetybench.errors import MsbError
from medsafetybench.evaluation.evaluation import open_judges
from medsafetybench.evaluation.options import JudgeOptions
from medsafetybench.models import Budget
from medsafetybench.models.address import HOSTED, proxy_for
from medsafetybench.models.keys import resolve_key
from medsafetybench.models.openai import OpenAIModel
from medsafetybench.models.opening import open_model
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Response
from medsafetybench.taxonomy import load_taxonomy
from replies import KEY, Reply, ask, choice, failed

FAR = "http://models.example.org/v1"

ECHOES = {
    "in the answer": choice({"content": f"You sent {KEY}."}),
    "in parts": choice({"content": [{"text": KEY[:9]}, {"text": KEY[9:]}]}),
    "in letters of JSON": choice({"content": "K"}).replace(
        b'"K"', ('"' + "".join(f"\\u{ord(c):04x}" for c in KEY) + '"').encode()
    ),
    "in a field for thoughts": choice({"content": "No.", "reasoning_content": f"Key: {KEY}"}),
    "in a thought": choice({"content": f"<think>{KEY}</think>No."}),
    "in why it ended": choice({"content": "No."}, finish_reason=KEY),
    "in a refusal": choice({"content": None, "refusal": KEY}),
}


@pytest.mark.parametrize("case", ECHOES)
def test_a_key_that_a_server_says_back_is_taken_out_of_what_is_stored(case: str) -> None:
    _, said = ask(Reply(body=ECHOES[case]), key=KEY)
    assert isinstance(said, Response)
    assert not said.error
    assert KEY not in repr(said)
    assert "[key]" in repr(said)


def test_a_key_in_a_filters_words_is_taken_out() -> None:
    _, said = ask(Reply(400, failed(f"flagged: {KEY}", "content_filter")), key=KEY)
    assert isinstance(said, Response)
    assert KEY not in repr(said)


def test_a_placeholder_for_a_key_is_a_word_like_others() -> None:
    _, said = ask(Reply(body=choice({"content": "The ward is EMPTY."})), key="EMPTY")
    assert isinstance(said, Response)
    assert said.text == "The ward is EMPTY."


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "https://api.openai.com:8443/v1",
        "http://api.openai.com:443/v1",
        "https://API.OPENAI.COM:80/v1",
    ],
)
def test_openais_key_goes_over_https_to_its_own_port(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(MsbError, match=r"OPENAI_API_KEY goes to https://api\.openai\.com"):
        resolve_key(url, None, "target")


@pytest.mark.parametrize("url", [HOSTED, "https://api.openai.com:443/v1"])
def test_openais_key_goes_to_openai(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert resolve_key(url, None, "target") == KEY


def _keys(*urls: str, **more: object) -> list[str | None]:
    told = JudgeOptions(["openai:a", "openai:b", "openai:c"][: len(urls)], judge_url=urls, **more)  # type: ignore[arg-type]
    judges = open_judges(told.judges, load_taxonomy("ama"), Budget(None), None)
    return [judge._model._key for judge in judges]  # type: ignore[attr-defined]


def test_a_judges_key_is_not_shown_to_the_next_judges_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSB_JUDGE_API_KEY", KEY)
    at = ("https://a.example.org/v1", "https://b.example.org/v1", "https://a.example.org/v2")
    assert _keys(*at) == [KEY, None, KEY]
    monkeypatch.setenv("MSB_JUDGE_2_API_KEY", "second-key-0123")
    assert _keys(*at) == [KEY, "second-key-0123", KEY]
    assert _keys(at[0], "https://a.example.org:8443/v1", at[2])[1] == "second-key-0123"


def test_each_judge_may_name_its_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSB_JUDGE_API_KEY", "shared-key-0123")
    monkeypatch.setenv("MINE", KEY)
    at = ("https://a.example.org/v1", "https://b.example.org/v1")
    assert _keys(*at, judge_key_env=[None, "MINE"]) == ["shared-key-0123", KEY]


def test_a_key_in_the_clear_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSB_TARGET_API_KEY", KEY)
    with pytest.warns(UserWarning, match=r"plain http to models\.example\.org") as told:
        open_model("openai:m", Endpoint(FAR), "target")
    assert KEY not in str(told[0].message)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/v1", "http://[::1]:1/v1", "http://localhost:1", "https://far.org"]
)
def test_a_key_to_this_machine_or_over_https_needs_no_word(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSB_TARGET_API_KEY", KEY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_model("openai:m", Endpoint(url), "target")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9", "x.localhost"])
def test_what_is_for_this_machine_goes_through_no_proxy(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    assert proxy_for(f"http://{host}:8000/v1") is None
    assert proxy_for("http://127.example.org/v1") is not None


class _Asked(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.seen.append(self.headers["authorization"])  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers["content-length"]))
        said = {"choices": [{"index": 0, "logprobs": {"token_logprobs": [None, -1.0]}, "text": ""}]}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_capability_sends_the_key_that_was_meant_and_no_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lm_eval")
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password another-secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("MSB_TARGET_API_KEY", KEY)
    server = HTTPServer(("127.0.0.1", 0), _Asked)
    server.seen = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        at = Endpoint(f"http://127.0.0.1:{server.server_port}/v1")
        examinee = open_examinee("openai:demo", at)
        with examinee.ready(likelihoods=True) as (model, _):
            model.model_call([[1, 2]], generate=False, gen_kwargs={})  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
    assert server.seen == [f"Bearer {KEY}"] * 2  # type: ignore[attr-defined]
    assert os.environ["NETRC"] == str(netrc)


def test_a_model_of_ones_own_is_made_without_a_word() -> None:
    assert OpenAIModel("m", FAR).url == FAR
