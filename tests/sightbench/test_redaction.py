"""A secret is recognised whatever it wears, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.redaction import Redaction, is_secret_name, secret_names, url_secrets, without_secrets

KEYS = ["sk-secret-0123456789", "pä55wörd/+=ключ", 'quo"ted\\key/with+signs', "Bearer token-7777-abc"]


def clothes(key: str) -> dict[str, str]:
    """What servers, proxies and frameworks make of a header they print."""
    bare = key.removeprefix("Bearer ")
    raw = bare.encode()
    return {
        "as it is": key,
        "without its scheme": bare,
        "JSON, ASCII": json.dumps(bare),
        "JSON, Unicode": json.dumps(bare, ensure_ascii=False),
        "JSON with escaped slashes": json.dumps(bare).replace("/", "\\/"),
        "percent": quote(bare, safe=""),
        "percent, slashes kept": quote(bare),
        "percent, lower case": re.sub("%..", lambda code: code[0].lower(), quote(bare, safe="")),
        "form": quote_plus(bare),
        "hex": raw.hex(),
        "base64": base64.b64encode(raw).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode(),
        "base64 of the header": base64.b64encode(f"Bearer {bare}".encode()).decode(),
        "base64 in the middle": base64.b64encode(
            b"Authorization: Bearer " + raw + b"\r\nAccept: */*"
        ).decode(),
        "read as Latin-1": raw.decode("latin-1"),
    }


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", clothes("x"))
def test_a_key_is_found_in_all_its_clothes(key: str, form: str) -> None:
    dressed = clothes(key)[form]
    shown = Redaction([key]).text(f"you sent: {dressed} (why?)")
    assert "***" in shown
    bare = key.removeprefix("Bearer ")
    # Short ends of base64 belong to the neighbours as well and say nothing of the key.
    assert len(shown) <= len("you sent:  (why?)") + 60
    assert bare not in html.unescape(shown) and bare[3:-3] not in shown


def test_a_password_in_a_url_is_found_alone_and_with_its_user() -> None:
    url = "http://user:pass%2Fword-77@host/v1"
    redaction = Redaction(url_secrets(url))
    header = base64.b64encode(b"user:pass/word-77").decode()
    assert redaction.text(f"Basic {header}") == "Basic ***" or "cGFzcy93b3JkLTc3" not in redaction.text(
        header
    )
    assert redaction.text("user:pass/word-77 and pass/word-77") == "*** and ***"
    assert url_secrets("http://host:1/v1?api-version=2024-10-21") == url_secrets("http://[") == ()
    assert url_secrets("http://host/v1?x=1&key=a%2Fb&api_key=c") == ("a/b", "c")


@pytest.mark.parametrize("key", ["sk-0123456789", "aaaaaaaaaaaaaaaaaaaa", "ein-schlüssel-012"])
def test_a_secret_that_the_end_of_a_text_cuts_off_is_found(key: str) -> None:
    redaction = Redaction([key])
    for length in range(8, len(key) + 1):
        for end in ("", "…", "\ufffd"):
            assert redaction.excerpt(f"you sent {key[:length]}{end}") == f"you sent ***{end}"
    assert redaction.excerpt(f"you sent {key[:7]}") == f"you sent {key[:7]}"
    assert redaction.excerpt(f"{key[:9]} is how it begins") == f"{key[:9]} is how it begins"


@given(st.text(), st.lists(st.none() | st.text(), max_size=3))
def test_text_without_a_secret_is_not_changed(text: str, secrets: list[str | None]) -> None:
    redaction = Redaction(secrets)
    if not any(secret and len(secret) >= 2 for secret in secrets):
        assert redaction.text(text) == text
    redaction.text(redaction.text(text))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(json_values, st.sampled_from(KEYS))
def test_json_is_redacted_to_its_depths_and_only_where_needed(value: object, key: str) -> None:
    redaction = Redaction([key])
    assert redaction.json(value) == value
    hidden = redaction.json([{"a": [key]}, value])
    assert hidden == [{"a": ["***"]}, value]


@given(st.sampled_from(KEYS))
def test_bytes_that_may_hold_a_secret_are_told_from_those_that_cannot(key: str) -> None:
    redaction = Redaction([key])
    assert redaction.touches(orjson.dumps({"a": [key]}))
    assert redaction.touches(json.dumps({"a": [key]}).encode())
    assert redaction.touches(b'"' + b"".join(b"\\u%04x" % ord(letter) for letter in key) + b'"')
    assert not redaction.touches(b'{"counts": "04`\\\\k"}')


def test_short_secrets_are_no_reason_to_damage_answers() -> None:
    assert Redaction(["yes", "A"]).text("yes, A") == "yes, A"
    assert "sk-secret" not in repr(Redaction(["sk-secret-0123456789"]))


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "X-API-Key", "token", "access_token", "Authorization", "aws.secret"],
)
def test_fields_that_hold_secrets_are_known_by_name(name: str) -> None:
    assert is_secret_name(name) and secret_names({"a": [{name: 1}], "b": {"c": 2}}) == [name]
    assert without_secrets({"a": [{name: "s"}], "b": 1}) == {"a": [{name: "***"}], "b": 1}


@pytest.mark.parametrize(
    "name", ["max_tokens", "stop_token_ids", "keys", "tokenizer", "eos_token", "prompt_cache_key"]
)
def test_other_fields_stay(name: str) -> None:
    assert not is_secret_name(name) and without_secrets({name: 5}) == {name: 5}
