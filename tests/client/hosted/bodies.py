"""Error bodies as the providers document them or as their users report them; the source beside each."""

from __future__ import annotations

from typing import Any


def openai(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """https://developers.openai.com/api/docs/guides/error-codes"""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic(message: str, kind: str, code: str | None = None) -> dict[str, Any]:
    """https://platform.claude.com/docs/en/api/errors"""
    error: dict[str, Any] = {"type": kind, "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


def gemini(*quotas: str, retry: str | None = None, message: str = "") -> dict[str, Any]:
    """https://github.com/RooCodeInc/Roo-Code/issues/3883,
    https://github.com/googleapis/python-genai/issues/2044"""
    words = (
        "You exceeded your current quota, please check your plan and billing details. For more information "
        "on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
    )
    details: list[dict[str, Any]] = []
    if quotas:
        violations = [
            {
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                "quotaId": quota,
                "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
                "quotaValue": "20",
            }
            for quota in quotas
        ]
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations})
    details.append(
        {
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [
                {"description": "Learn more", "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}
            ],
        }
    )
    if retry:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry})
    return {
        "error": {
            "code": 429,
            "message": message or words,
            "status": "RESOURCE_EXHAUSTED",
            "details": details,
        }
    }


PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"

BAD_KEY_GEMINI = {
    # https://github.com/google-gemini/cookbook (API_KEY_INVALID), an array where the OpenAI layer answers
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
        ],
    }
}

UNKNOWN_NAME_GEMINI = [
    # https://github.com/Alishahryar1/free-claude-code/issues/542
    {
        "error": {
            "code": 400,
            "message": 'Invalid JSON payload received. Unknown name "top_k": Cannot find field.',
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [
                        {
                            "description": 'Invalid JSON payload received. Unknown name "top_k": '
                            "Cannot find field."
                        }
                    ],
                }
            ],
        }
    }
]

NO_CREDITS_OPENROUTER = {
    # https://openrouter.ai/docs/api/reference/errors-and-debugging
    "error": {"code": 402, "message": "Insufficient credits. Add more using https://openrouter.ai/credits"}
}

FLAGGED_OPENROUTER = {
    "error": {
        "code": 403,
        "message": "Input flagged",
        "metadata": {
            "reasons": ["violence"],
            "flagged_input": "Which object ...",
            "provider_name": "OpenAI",
            "model_slug": "openai/gpt",
        },
    }
}

THROTTLED_DASHSCOPE = {
    # https://github.com/can1357/oh-my-pi/pull/8476: a minute's budget in the words of an empty account
    "error": {
        "message": "You exceeded your current quota, please check your plan and billing details. For "
        "details, see: https://help.aliyun.com/zh/model-studio/error-code#token-limit",
        "type": "insufficient_quota",
        "param": "insufficient_quota",
        "code": "insufficient_quota",
    }
}

FILTERED_AZURE = {
    # https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }
}
