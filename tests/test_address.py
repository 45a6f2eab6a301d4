"""Where an endpoint is and how it is reached: keys, addresses, proxies."""

from __future__ import annotations

import asyncio
import re

import pytest

from medsafetybench.errors import MsbError, StopRun
from medsafetybench.models.address import HOSTED, endpoint_url, proxy_for
from medsafetybench.models.openai import OpenAIModel
from medsafetybench.models.opening import open_model
from medsafetybench.models.settings import Endpoint
from medsafetybench.records import Response
from replies import KEY, Asked, Reply, Scripted, once, one_line

pytestmark = pytest.mark.usefixtures("no_time_lost")


OWN = "http://127.0.0.1:8000/v1"
FAR = "http://far.example.org/v1"
KEYS = {
    "a server of one's own needs none": (OWN, {}, None, None),
    "OpenAI's key goes to OpenAI": (HOSTED, {"OPENAI_API_KEY": KEY}, None, KEY),
    "OpenAI's key goes nowhere else": (OWN, {"OPENAI_API_KEY": KEY}, None, None),
    "nor to a look-alike": ("https://api.openai.com.evil.org", {"OPENAI_API_KEY": KEY}, None, None),
    "nor where it is the user": (
        "https://evil.org/api.openai.com",
        {"OPENAI_API_KEY": KEY},
        None,
        None,
    ),
    "a role's key goes to its server": (OWN, {"MSB_TARGET_API_KEY": KEY}, None, KEY),
    "and not to that of the other role": (OWN, {"MSB_JUDGE_API_KEY": KEY}, None, None),
    "a role's key goes before OpenAI's": (
        HOSTED,
        {"MSB_TARGET_API_KEY": KEY, "OPENAI_API_KEY": "other"},
        None,
        KEY,
    ),
    "a variable that is named goes first": (
        OWN,
        {"MSB_TARGET_API_KEY": "other", "MINE": KEY},
        "MINE",
        KEY,
    ),
}


@pytest.mark.parametrize("case", KEYS)
def test_where_a_key_comes_from_and_goes_to(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url, environment, key_env, expected = KEYS[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    model = open_model("openai:model", Endpoint(url, key_env), "target")
    assert model._key == expected  # type: ignore[attr-defined]


NO_KEY = {
    "OpenAI without a key": (None, None, {}, "MSB_TARGET_API_KEY or OPENAI_API_KEY"),
    "a variable that is not set": (OWN, "MINE", {}, "MINE is not set"),
    "a key of two lines": (OWN, "MINE", {"MINE": f"{KEY}\n{KEY}"}, "MINE.*cannot be sent"),
    "a key that is not ASCII": (OWN, "MINE", {"MINE": "clé"}, "MINE.*cannot be sent"),
}


@pytest.mark.parametrize("case", NO_KEY)
def test_a_key_that_is_missing_or_unfit_is_one_clear_line(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, key_env, environment, expected = NO_KEY[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(MsbError, match=f"key.*{expected}") as raised:
        open_model("openai:model", Endpoint(url, key_env), "target")
    assert "\n" not in str(raised.value)
    assert KEY not in str(raised.value)


def test_a_newline_at_the_end_of_a_key_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", f"{KEY}\n")
    model = open_model("openai:model", Endpoint(OWN, "MINE"), "target")
    assert model._key == KEY  # type: ignore[attr-defined]


URLS = {
    "user and password": "http://me:hunter2@127.0.0.1:8000/v1",
    "user": "http://hunter2@127.0.0.1:8000/v1",
    "a query": "http://127.0.0.1:8000/v1?key=hunter2",
    "credentials without a scheme": "me:hunter2@127.0.0.1:8000/v1",
    "credentials under another scheme": "ftp://me:hunter2@127.0.0.1/v1",
    "no scheme": "127.0.0.1:8000/v1",
    "another scheme": "ftp://127.0.0.1/v1",
    "no host": "http:///v1",
    "an open bracket": "http://[::1/v1",
    "a port too high": "http://127.0.0.1:99999/v1",
    "a port in words": "http://127.0.0.1:http/v1",
}


@pytest.mark.parametrize("case", URLS)
def test_an_address_that_is_unfit_is_one_line_without_its_secrets(case: str) -> None:
    with pytest.raises(MsbError) as raised:
        open_model("openai:model", Endpoint(URLS[case]), "target")
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "given",
    ["http://h:1/v1", "http://h:1/v1/", "http://h:1/v1/chat/completions"],
)
def test_an_address_may_end_in_a_slash_or_in_the_path_of_the_method(given: str) -> None:
    assert endpoint_url(given) == "http://h:1/v1"


# Proxies: tests/conftest.py has taken those of the developer out of the environment


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["", "http://", "http://me:hunter2@"])
def test_calls_go_through_the_proxy_that_the_environment_names(
    variable: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[Response, Asked]:
        async with Scripted([Reply()]) as proxy:
            host = proxy.url.removeprefix("http://").removesuffix("/v1")
            monkeypatch.setenv(variable, f"{scheme}{host}")
            return await once(OpenAIModel("model", "http://no-such-host.invalid/v1")), proxy.asked[
                0
            ]

    said, asked = asyncio.run(run())
    assert said.text == "Fine."
    assert asked.head.startswith("POST http://no-such-host.invalid/v1/chat/completions ")
    assert ("Proxy-Authorization: " in asked.head) == ("@" in scheme)


def test_a_proxy_of_the_scheme_goes_before_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:8")
    assert str(proxy_for("http://host/v1")) == "http://127.0.0.1:8"
    monkeypatch.setenv("https_proxy", "")
    with pytest.raises(MsbError, match="all_proxy"):
        proxy_for("https://host/v1")


@pytest.mark.parametrize("left_out", ["far.example.org", "*", "localhost,example.org"])
def test_a_host_that_no_proxy_names_is_called_itself(
    left_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", left_out)
    assert proxy_for(FAR) is None


UNFIT = {
    "SOCKS": ("socks5://127.0.0.1:9", "a SOCKS proxy"),
    "SOCKS that resolves names": ("socks5h://127.0.0.1:9", "a SOCKS proxy"),
    "another scheme": ("ftp://127.0.0.1:9", "no proxy"),
    "no host": ("http://", "no proxy"),
    "a port in words": ("http://127.0.0.1:http", "no proxy"),
    "its password": ("socks5://me:hunter2@127.0.0.1:9", "what it names is a SOCKS proxy"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_proxy_that_is_unfit_is_one_line_before_any_call(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, expected = UNFIT[case]
    monkeypatch.setenv("all_proxy", given)
    with pytest.raises(MsbError, match=rf"all_proxy: .*{expected}.* in NO_PROXY") as raised:
        OpenAIModel("model", FAR)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_proxy_that_is_down_is_named_and_not_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "me:hunter2@127.0.0.1:9")
    with pytest.raises(StopRun) as raised:
        asyncio.run(once(OpenAIModel("model", FAR)))
    assert re.search(
        "through the proxy http://127.0.0.1:9, which http_proxy names .*; correct http_proxy, or "
        "put far.example.org in NO_PROXY",
        one_line(raised.value),
    )
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_lets_nobody_through_is_named(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> str:
        async with Scripted([Reply(status, b"no")]) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url.removesuffix("/v1"))
            with pytest.raises(StopRun) as raised:
                await once(OpenAIModel("model", "https://far.example.org/v1"))
            return one_line(raised.value)

    named = rf"through the proxy .*https_proxy names \(it answered HTTP {status}\)"
    assert re.search(named, asyncio.run(run()))


def test_a_proxy_that_asks_for_a_password_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> str:
        async with Scripted([Reply(407, b"who?")]) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
            with pytest.raises(StopRun) as raised:
                await once(OpenAIModel("model", "http://no-such-host.invalid/v1"))
            return one_line(raised.value)

    assert "asks for a password; correct http_proxy" in asyncio.run(run())
