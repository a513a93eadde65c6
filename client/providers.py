"""What differs between the servers and services a run may ask: data, never code paths.

A server that is not in the table is "generic": OpenAI's chat completions, and only parameters that every
implementation knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from sightbench.errors import UsageError

DialectName = Literal["openai-chat", "anthropic-messages", "gemini-generate", "openai-responses"]

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Provider:
    """One server or service.

    `hosts` are the ends of the host names it is reached at, `path` a piece its base path must have.
    `key_env` is the environment variable its key is usually in. `dialect` is the wire it speaks.
    `defaults` are sampling parameters sent explicitly, since an engine otherwise takes the model's own;
    `token_limit` is the name of the reply-length parameter; `frame_lists` tells whether
    `data:video/jpeg;base64,f1,f2` is understood; `part_ids` whether media parts may carry a `uuid`;
    `running`/`waiting` are the names of the gauges in `/metrics`. `hosted` is a service with a bill, whose
    models may change under their names. `max_images` and `max_body` are
    the most that the service's documents let a request to any of its models hold, in images and bytes (a MB
    is taken for the larger MiB), None where they do not say.
    `prices` is the name the price table has for it, `batches` the wire of its batch API, None for none.
    """

    name: str
    hosts: tuple[str, ...] = ()
    path: str = ""
    key_env: str = "OPENAI_API_KEY"
    dialect: DialectName = "openai-chat"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    token_limit: str = "max_tokens"
    frame_lists: bool = False
    part_ids: bool = False
    running: str | None = None
    waiting: str | None = None
    hosted: bool = True
    max_images: int | None = None
    max_body: int | None = None
    prices: str | None = None
    batches: Literal["openai", "anthropic", "gemini", "mistral", "together"] | None = None


PROVIDERS: tuple[Provider, ...] = (
    Provider("generic", hosted=False),
    Provider(
        "vllm",
        hosted=False,
        defaults={"top_k": -1, "repetition_penalty": 1.0, "min_p": 0.0},
        frame_lists=True,
        part_ids=True,
        running="vllm:num_requests_running",
        waiting="vllm:num_requests_waiting",
    ),
    Provider(
        "sglang",
        hosted=False,
        defaults={"top_k": -1, "repetition_penalty": 1.0, "min_p": 0.0},
        running="sglang:num_running_reqs",
        waiting="sglang:num_queue_reqs",
    ),
    # max_tokens is deprecated for max_completion_tokens, which every chat model takes:
    # https://developers.openai.com/api/reference/resources/chat/subresources/completions/methods/create
    Provider(
        "openai",
        hosts=("api.openai.com",),
        token_limit="max_completion_tokens",
        # https://developers.openai.com/api/docs/guides/images-vision, which the Responses API shares
        max_images=1500,
        max_body=512 * MIB,
        prices="openai",
        batches="openai",
    ),
    Provider(
        "openai-responses",
        dialect="openai-responses",
        token_limit="max_output_tokens",
        max_images=1500,
        max_body=512 * MIB,
        prices="openai",
        batches="openai",
    ),
    # https://platform.claude.com/docs/en/build-with-claude/vision and .../api/overview#request-size-limits
    Provider(
        "anthropic",
        hosts=("api.anthropic.com",),
        key_env="ANTHROPIC_API_KEY",
        dialect="anthropic-messages",
        max_images=600,
        max_body=32 * MIB,
        prices="anthropic",
        batches="anthropic",
    ),
    # https://ai.google.dev/gemini-api/docs/file-input-methods: 100 MB inline; .../image-understanding: 3,600
    # image files
    Provider(
        "gemini-openai",
        hosts=("generativelanguage.googleapis.com",),
        path="/openai",
        key_env="GEMINI_API_KEY",
        max_images=3600,
        max_body=100 * MIB,
        prices="google",
    ),
    Provider(
        "gemini",
        hosts=("generativelanguage.googleapis.com",),
        key_env="GEMINI_API_KEY",
        dialect="gemini-generate",
        token_limit="maxOutputTokens",
        max_images=3600,
        max_body=100 * MIB,
        prices="google",
        batches="gemini",
    ),
    # https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch; .../quotas-limits says 50 images for
    # GPT-4o and GPT-4.1 alone, and a deployment's name does not say which model it is.
    Provider(
        "azure",
        hosts=("openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"),
        key_env="AZURE_OPENAI_API_KEY",
        token_limit="max_completion_tokens",
        prices="azure",
        batches="openai",
    ),
    # https://openrouter.ai/docs/features/multimodal/images: how many images varies by provider and model.
    Provider("openrouter", hosts=("openrouter.ai",), key_env="OPENROUTER_API_KEY", prices="openrouter"),
    # https://help.aliyun.com/zh/model-studio/vision: images as the model's tokens allow, 10 MB each in base64
    Provider("dashscope", hosts=("aliyuncs.com",), key_env="DASHSCOPE_API_KEY", batches="openai"),
    # https://docs.together.ai/docs/inference/batch/overview
    Provider(
        "together",
        hosts=("api.together.xyz", "api.together.ai"),
        key_env="TOGETHER_API_KEY",
        prices="together",
        batches="together",
    ),
    # https://docs.fireworks.ai/guides/querying-vision-language-models: 30 images, less than 10 MB of base64
    Provider(
        "fireworks",
        hosts=("api.fireworks.ai",),
        key_env="FIREWORKS_API_KEY",
        max_images=30,
        max_body=10 * MIB,
        prices="fireworks",
    ),
    # https://docs.x.ai/docs/guides/image-understanding: 20 MiB an image, as many as one likes
    Provider("xai", hosts=("api.x.ai",), key_env="XAI_API_KEY", prices="x-ai"),
    # https://docs.mistral.ai/capabilities/vision: 8 images; .../resources/known-limitations says that it
    # depends on the model
    Provider(
        "mistral",
        hosts=("api.mistral.ai",),
        key_env="MISTRAL_API_KEY",
        max_images=8,
        prices="mistral",
        batches="mistral",
    ),
    # https://console.groq.com/docs/vision and .../docs/model/NAME, the largest they name: 5 images (3 for
    # Qwen3.6), 20 MB (4 MB of base64 for Llama 4)
    Provider(
        "groq",
        hosts=("api.groq.com",),
        key_env="GROQ_API_KEY",
        token_limit="max_completion_tokens",
        max_images=5,
        max_body=20 * MIB,
        prices="groq",
        batches="openai",
    ),
)


def provider(name: str) -> Provider:
    """The entry of that name. Raises UsageError for a name that is not in the table."""
    for entry in PROVIDERS:
        if entry.name == name:
            return entry
    raise UsageError(f"there is no provider {name!r}; known: {', '.join(entry.name for entry in PROVIDERS)}")


def chosen(name: str, url: str) -> Provider:
    """The entry that was named, for "generic" the one the URL belongs to. UsageError for an unknown name."""
    return provider_of(url) if name == "generic" else provider(name)


def provider_of(url: str) -> Provider:
    """The entry a URL belongs to, "generic" for a host that is not in the table."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    for entry in PROVIDERS:
        if any(host == end or host.endswith(f".{end}") for end in entry.hosts) and entry.path in parts.path:
            return entry
    return PROVIDERS[0]
