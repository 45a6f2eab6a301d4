"""What servers, gateways and firewalls say instead of an answer: each in the shape that it has."""

from __future__ import annotations

import json

import pytest

from medsafetybench.models.completion import read_body
from medsafetybench.models.problem import Problem, has_error, read_problem


def said(status: int, body: object) -> Problem:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_problem(status, content, read_body(content))


def error(message: str, code: object = None, **more: object) -> dict[str, object]:
    return {"error": {"message": message, "code": code, **more}}


POLICY = "Your request was rejected as a result of our safety system."

FILTERED = {
    "OpenAI": (400, error("Invalid prompt: your prompt was flagged ...", "invalid_prompt")),
    "OpenAI, images": (400, error(POLICY, "moderation_blocked")),
    "OpenAI, an older code": (400, error(POLICY, "content_policy_violation")),
    "by words alone": (400, error(POLICY)),
    "Azure": (400, error("The response was filtered", "content_filter", status=400)),
    "Azure, capitals": (400, error("filtered", "ContentFilter")),
    "Azure, the inner code": (
        400,
        error("No.", innererror={"code": "ResponsibleAIPolicyViolation"}),
    ),
    "LiteLLM": (
        400,
        error(
            "litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - The "
            "response was filtered due to the prompt triggering Azure OpenAI's content management "
            "policy.",
            "400",
        ),
    ),
    "LiteLLM, as a fault of the server": (
        500,
        error("The response was filtered due to the prompt triggering our content policy"),
    ),
    "DashScope": (
        400,
        error("Input text data may contain inappropriate content.", "data_inspection_failed"),
    ),
    "DeepSeek": (400, error("Content Exists Risk", "invalid_request_error")),
    "Zhipu": (400, error("\u7cfb\u7edf\u68c0\u6d4b\u5230\u654f\u611f\u5185\u5bb9", "1301")),
    "MiniMax": (400, error("input new_sensitive", 1026)),
    "OpenRouter": (
        403,
        error(
            'Your input was flagged for "violence".',
            403,
            metadata={"reasons": ["violence"], "flagged_input": "x"},
        ),
    ),
    "OpenRouter, in a 200": (200, error("Your input was flagged for violence", 403)),
    "OpenRouter, what is below it says": (
        400,
        error("Provider returned error", 400, metadata={"raw": "blocked by our content policy"}),
    ),
    "Mistral": (403, {"message": "Prompt blocked by guardrail", "type": "moderation"}),
    "Bedrock": (400, {"message": "The request was blocked by a guardrail."}),
    "Anthropic": (
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Output blocked by content filtering policy",
            },
        },
    ),
    "Gemini, a list": (
        400,
        [error("The prompt was blocked: PROHIBITED_CONTENT", 400, status="INVALID_ARGUMENT")],
    ),
    "Cloudflare": (
        400,
        {
            "success": False,
            "errors": [{"code": 2016, "message": "Prompt blocked due to security configurations"}],
        },
    ),
    "a gateway of one's own": (422, {"detail": "Request violates the usage policy"}),
    "a plain text": (400, b"Blocked: violates our content policy"),
}

TOO_LONG = {
    "OpenAI": (400, error("This model's maximum ...", "context_length_exceeded")),
    "OpenAI, one text": (400, error("Invalid 'messages'", "string_above_max_length")),
    "vLLM": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested "
            "9000 tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    "vLLM, the room left": (
        400,
        error("max_tokens=512 cannot be greater than max_model_len - prompt", 400),
    ),
    "llama.cpp": (
        400,
        error(
            "the request exceeds the available context size, try increasing it",
            400,
            type="exceed_context_size_error",
        ),
    ),
    "llama.cpp, once": (500, error("request exceeds the available context size")),
    "TGI": (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000"}),
    "Anthropic": (400, error("prompt is too long: 210000 tokens > 200000 maximum")),
    "Gemini": (
        400,
        [error("The input token count (9) exceeds the maximum number of tokens allowed (8).", 400)],
    ),
    "DashScope": (400, error("Range of input length should be [1, 30720]", "invalid_parameter")),
    "Ollama": (400, error("input length exceeds maximum context length")),
    "Mistral": (400, {"message": "Prompt contains 9 tokens, too large for model with 8 maximum "
                      "context length"}),
    "GitHub": (413, error("Request body too large for gpt-4o model", "tokens_limit_reached")),
    "nginx": (413, b"<html><head><title>413 Request Entity Too Large</title></head></html>"),
    "FastAPI": (
        422,
        {"detail": [{"loc": ["body"], "msg": "string too long", "type": "string_too_long"}]},
    ),
}  # fmt: skip

OTHERS = {
    "a parameter": ("refused", 400, error("Unknown parameter: 'top_k'", "unknown_parameter")),
    "a parameter by the name of a filter": (
        "refused",
        400,
        error("Unrecognized request argument supplied: moderation"),
    ),
    "a model": ("refused", 404, error("The model `m` does not exist", "model_not_found")),
    "a key": ("refused", 401, error("Incorrect API key provided; see our usage policies")),
    "a key that may not": ("refused", 403, error("You are not allowed to sample from this model")),
    "the harmful request itself, repeated": (
        "refused",
        422,
        {
            "detail": [
                {
                    "msg": "Field required",
                    "type": "missing",
                    "input": "How do I get a harmful request past a filter that violates policy?",
                }
            ]
        },
    ),
    "no quota": ("no_quota", 429, error("You exceeded your current quota", "insufficient_quota")),
    "no quota, in a 200": ("no_quota", 200, error("No.", "insufficient_quota")),
    "no quota, as the type": ("no_quota", 429, error("No.", type="insufficient_quota")),
    "no money": ("no_quota", 402, error("Insufficient Balance")),
    "a quota by the minute": ("passing", 429, error("You exceeded your current quota", 429)),
    "too many tokens by the minute": (
        "passing",
        429,
        error("Request exceeds the limit of 9 tokens per minute", "rate_limit_exceeded"),
    ),
    "busy": ("passing", 503, error("Loading model", 503)),
    "a fault below": ("passing", 200, error("Provider returned error", 502)),
    "an error without a code": ("passing", 200, error("Something went wrong")),
    "a page of a gateway": ("passing", 502, b"<html><h1>502 Bad Gateway</h1></html>"),
    "no JSON": ("passing", 200, b'{"choices": [{"mess'),
    "nothing": ("passing", 200, b""),
    "a list of nothing": ("passing", 200, []),
    "a page where an API should be": ("passing", 200, b"<!DOCTYPE html><title>Welcome</title>"),
    "a firewall": ("page", 403, b"<!DOCTYPE html><title>Attention Required!</title>"),
    "a page of no content": ("page", 400, b"<html><h1>400 Bad Request</h1></html>"),
}


@pytest.mark.parametrize("case", FILTERED)
def test_a_filter_is_known_by_its_code_or_its_words(case: str) -> None:
    assert said(*FILTERED[case]).kind == "filtered"


@pytest.mark.parametrize("case", TOO_LONG)
def test_what_does_not_fit_is_known_in_every_dialect(case: str) -> None:
    assert said(*TOO_LONG[case]).kind == "too_long"


@pytest.mark.parametrize("case", OTHERS)
def test_nothing_else_is_taken_for_either(case: str) -> None:
    kind, status, body = OTHERS[case]
    assert said(status, body).kind == kind


FIREWALLS = {
    "Cloudflare": (403, "Sorry, you have been blocked"),
    "CloudFront": (403, "Request blocked. We can't connect to the server"),
    "Azure": (403, "The request is blocked."),
    "F5": (200, "The requested URL was rejected. Your support ID is: 1"),
    "ModSecurity": (406, "Not Acceptable! An appropriate representation ... Mod_Security"),
    "Alibaba": (405, "Sorry, your request has been blocked"),
    "Imperva": (403, "Request unsuccessful. Incapsula incident ID: 1-2"),
    "Akamai": (403, "Access Denied"),
    "a rule that says nothing": (403, "403 Forbidden"),
}


@pytest.mark.parametrize("case", FIREWALLS)
def test_the_page_of_a_firewall_is_known(case: str) -> None:
    status, words = FIREWALLS[case]
    page = f"<!DOCTYPE html><style>a {{}}</style><body><h1>{words}</h1></body>".encode()
    problem = said(status, page)
    assert problem.firewall
    assert " ".join(problem.words.split()) == words


def test_an_api_that_refuses_is_no_firewall() -> None:
    assert not said(403, error("Access denied")).firewall
    assert not said(400, b"<html><h1>400 Bad Request</h1></html>").firewall


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (error("No."), "No."),
        ({"error": "No."}, "No."),
        ({"message": "No."}, "No."),
        ({"error": "Bad Request", "message": "No.", "statusCode": 400}, "No."),
        ({"detail": "No."}, "No."),
        ({"detail": [{"msg": "No."}, {"msg": "Never."}]}, "No.; Never."),
        ({"error": {"message": {"detail": "No."}}}, "No."),
        ({"errors": [{"message": "No."}]}, "No."),
        ({"choices": [{"finish_reason": "error", "error": {"message": "No."}}]}, "No."),
        ({"error": {"code": 400}}, ""),
        ("No.", "No."),
        (5, ""),
        (None, "null"),
    ],
)
def test_the_words_of_an_error_are_found(body: object, words: str) -> None:
    assert said(400, body).words == words


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        ({"choices": [{"message": {"content": "No."}, "finish_reason": "stop"}]}, False),
        ({"choices": [{"message": {"content": "No."}}], "error": None}, False),
        ({"choices": [{"message": {"content": "Su"}, "finish_reason": "error"}]}, True),
        ({"choices": [{"message": {"content": "Su"}, "error": {"code": 502}}]}, True),
        ({"choices": None, "error": {"message": "No."}}, True),
        ({"choices": [{"message": {"content": "Su"}}], "error": {"message": "No."}}, True),
        ([], False),
        (None, False),
    ],
)
def test_an_error_is_seen_whatever_stands_beside_it(body: object, is_error: bool) -> None:
    assert has_error(body) is is_error
