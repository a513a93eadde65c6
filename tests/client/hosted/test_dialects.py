"""Requests and answers of the four wires, with bodies as the providers document them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from sightbench.client.dialects import anthropic_messages, gemini_generate, openai_chat, openai_responses
from sightbench.client.dialects.messages import Fragment, Message
from sightbench.client.transport.completion import Completion
from sightbench.sample import Failure, Usage

PIXELS = base64.b64encode(b"\xff\xd8\xff pixels")
DATA = PIXELS.decode()


def joined(fragments: Sequence[Fragment]) -> Any:
    return orjson.loads(b"".join(fragment.data for fragment in fragments))


def asked(dialect: Any, parameters: dict[str, Any]) -> Any:
    """A conversation with a system prompt, two frames and a follow-up, in that dialect."""
    frame = dialect.image("image/jpeg", PIXELS, None)
    content = b",".join((frame, frame, dialect.text('Which "way"?')))
    messages = (
        Message("system", "Answer in one word."),
        Message("user", parts=(Fragment(content, b"two frames"),)),
        Message("assistant", "Left."),
        Message("user", "And then?"),
    )
    return joined(dialect.request(messages, parameters))


def test_anthropic_is_asked_as_its_reference_says() -> None:
    part = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": DATA}}
    assert asked(anthropic_messages, {"model": "claude-opus-5", "max_tokens": 64}) == {
        "model": "claude-opus-5",
        "max_tokens": 64,
        "system": "Answer in one word.",
        "messages": [
            {"role": "user", "content": [part, part, {"type": "text", "text": 'Which "way"?'}]},
            {"role": "assistant", "content": "Left."},
            {"role": "user", "content": "And then?"},
        ],
    }


def test_gemini_is_asked_as_its_reference_says() -> None:
    part = {"inlineData": {"mimeType": "image/jpeg", "data": DATA}}
    parameters = {
        "model": "gemini-3.6-flash",
        "maxOutputTokens": 64,
        "temperature": 0.0,
        "top_p": 1.0,
        "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
        "safetySettings": [],
    }
    assert asked(gemini_generate, parameters) == {
        "contents": [
            {"role": "user", "parts": [part, part, {"text": 'Which "way"?'}]},
            {"role": "model", "parts": [{"text": "Left."}]},
            {"role": "user", "parts": [{"text": "And then?"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Answer in one word."}]},
        "generationConfig": {
            "temperature": 0.0,
            "topP": 1.0,
            "maxOutputTokens": 64,
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        },
        "safetySettings": [],
    }


def test_a_video_file_goes_to_gemini_whole_with_its_rate_and_its_span() -> None:
    part = orjson.loads(gemini_generate.video("video/mp4", PIXELS, 2.0, (1.5, 4.0)))
    assert part == {
        "inlineData": {"mimeType": "video/mp4", "data": DATA},
        "videoMetadata": {"fps": 2.0, "startOffset": "1.5s", "endOffset": "4s"},
    }
    assert orjson.loads(gemini_generate.video("video/mp4", PIXELS, None, None)).keys() == {"inlineData"}


def test_the_responses_api_is_asked_as_its_reference_says() -> None:
    part = {"type": "input_image", "detail": "auto", "image_url": f"data:image/jpeg;base64,{DATA}"}
    assert asked(openai_responses, {"model": "gpt-5.1", "max_output_tokens": 64}) == {
        "model": "gpt-5.1",
        "max_output_tokens": 64,
        "store": False,
        "input": [
            {"role": "system", "content": "Answer in one word."},
            {"role": "user", "content": [part, part, {"type": "input_text", "text": 'Which "way"?'}]},
            {"role": "assistant", "content": "Left."},
            {"role": "user", "content": "And then?"},
        ],
    }


def test_chat_completions_are_asked_as_before() -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{DATA}"}}
    assert asked(openai_chat, {"model": "m", "max_tokens": 64}) == {
        "model": "m",
        "max_tokens": 64,
        "messages": [
            {"role": "system", "content": "Answer in one word."},
            {"role": "user", "content": [part, part, {"type": "text", "text": 'Which "way"?'}]},
            {"role": "assistant", "content": "Left."},
            {"role": "user", "content": "And then?"},
        ],
    }


@pytest.mark.parametrize("dialect", [anthropic_messages, gemini_generate, openai_responses, openai_chat])
def test_the_model_decides_the_fingerprint_wherever_it_stands(dialect: Any) -> None:
    def identity(model: str) -> bytes:
        fragments = dialect.request((Message("user", "Hi"),), {"model": model})
        return b"|".join(f.data if f.identity is None else f.identity for f in fragments)

    assert identity("a") != identity("b")


def anthropic(content: list[dict[str, Any]], stop: str = "end_turn", **more: Any) -> bytes:
    """https://platform.claude.com/docs/en/api/messages"""
    return orjson.dumps(
        {
            "id": "msg_013Zva2CMHLNnjNjJKqJ2EF",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5",
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 2095,
                "cache_creation_input_tokens": 400,
                "cache_read_input_tokens": 1000,
                "output_tokens": 503,
                "service_tier": "standard",
            },
            **more,
        }
    )


def test_anthropics_answer_is_its_text_and_its_cache_is_a_part_of_the_prompt() -> None:
    raw = anthropic([{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "B"}])
    answer = anthropic_messages.completion(raw)
    assert answer == Completion(
        "B", "hm", None, None, "stop", Usage(3495, 503, 3998, 1000, None, None, 400), "claude-opus-5",
        "msg_013Zva2CMHLNnjNjJKqJ2EF", tier="standard",
    )  # fmt: skip


def test_anthropics_refusals_and_cut_answers_have_the_names_all_wires_share() -> None:
    refused = anthropic_messages.completion(
        anthropic([], "refusal", stop_details={"type": "refusal", "category": "cyber", "explanation": "no"})
    )
    assert isinstance(refused, Completion)
    assert (refused.text, refused.refusal, refused.finish_reason) == (None, "no", "content_filter")
    cut = anthropic_messages.completion(anthropic([], "max_tokens"))
    assert isinstance(cut, Completion) and (cut.text, cut.finish_reason) == (None, "length")
    assert isinstance(anthropic_messages.completion(anthropic([])), Failure)


def gemini(finish: str | None = "STOP", parts: list[dict[str, Any]] | None = None, **more: Any) -> bytes:
    """https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse"""
    candidate: dict[str, Any] = {"index": 0}
    if finish:
        candidate["finishReason"] = finish
    if parts is not None:
        candidate["content"] = {"role": "model", "parts": parts}
    return orjson.dumps(
        {
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": 2600,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 40,
                "cachedContentTokenCount": 2000,
                "totalTokenCount": 2643,
                "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 2580}],
            },
            "modelVersion": "gemini-3.6-flash",
            "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
            **more,
        }
    )


def test_geminis_thoughts_are_no_answer_and_are_billed_as_output() -> None:
    answer = gemini_generate.completion(gemini(parts=[{"text": "hm", "thought": True}, {"text": "B"}]))
    assert answer == Completion(
        "B", "hm", None, None, "stop", Usage(2600, 43, 2643, 2000, 40), "gemini-3.6-flash",
        "mAitaLmkHPPlz7IPvtfUqQ4",
    )  # fmt: skip


def test_geminis_filters_are_refusals_whether_they_stop_the_prompt_or_the_answer() -> None:
    prompt = gemini_generate.completion(
        orjson.dumps(
            {
                "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
                "usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 8},
                "modelVersion": "gemini-3.6-flash",
            }
        )
    )
    assert isinstance(prompt, Completion)
    assert (prompt.refusal, prompt.finish_reason) == ("PROHIBITED_CONTENT", "content_filter")
    answer = gemini_generate.completion(gemini("SAFETY"))
    assert isinstance(answer, Completion)
    assert (answer.text, answer.refusal, answer.finish_reason) == (None, "SAFETY", "content_filter")
    for given_up in ("OTHER", "MALFORMED_RESPONSE"):
        half = gemini_generate.completion(gemini(given_up, [{"text": "The answer is"}]))
        assert isinstance(half, Failure) and given_up in half.message
    cut = gemini_generate.completion(gemini("MAX_TOKENS"))
    assert isinstance(cut, Completion) and cut.finish_reason == "length"


def responses(output: list[dict[str, Any]], status: str = "completed", **more: Any) -> bytes:
    """https://developers.openai.com/api/reference/resources/responses"""
    return orjson.dumps(
        {
            "id": "resp_67ccd2bed1ec8190b14f964abc054267",
            "object": "response",
            "created_at": 1741476542,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": "gpt-5.1-2025-11-13",
            "output": output,
            "usage": {
                "input_tokens": 328,
                "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 0},
                "output_tokens": 52,
                "output_tokens_details": {"reasoning_tokens": 40},
                "total_tokens": 380,
            },
            **more,
        }
    )


def said(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}


def test_the_responses_apis_answer_is_its_messages_text() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
    assert openai_responses.completion(responses([thought, said("B")])) == Completion(
        "B", "hm", None, None, "stop", Usage(328, 52, 380, 128, 40, None, 0), "gpt-5.1-2025-11-13",
        "resp_67ccd2bed1ec8190b14f964abc054267",
    )  # fmt: skip


def test_the_responses_api_says_in_three_places_why_there_is_no_text() -> None:
    cut = openai_responses.completion(
        responses([], "incomplete", incomplete_details={"reason": "max_output_tokens"})
    )
    assert isinstance(cut, Completion) and (cut.text, cut.finish_reason) == (None, "length")
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "I will not"}]}
    refused = openai_responses.completion(responses([refusal]))
    assert isinstance(refused, Completion) and (refused.text, refused.refusal) == (None, "I will not")
    for status in ("failed", "cancelled", "in_progress", "queued"):
        failed = openai_responses.completion(responses([said("The answer is")], status))
        assert isinstance(failed, Failure) and failed.kind == "server_error" and status in failed.message
