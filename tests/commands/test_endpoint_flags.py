"""What is wrong with an endpoint's URL is told in one line before anything is sent, and never a password."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightbench.client.probe import probe_all
from sightbench.client.settings import Target
from sightbench.client.transport.address import address, label
from sightbench.errors import SightbenchError, UsageError
from tests.client.samples import to

MALFORMED = ["127.0.0.1:8000", "ftp://h/v1", "", "http://h:99999/v1", "http://h/v1*0", "http://h h/v1"]


@pytest.mark.parametrize("url", MALFORMED)
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_malformed_endpoint_is_one_line_and_code_2(run, tmp_path, url: str, more: tuple[str, ...]) -> None:
    assert run("synth", "--scenes", 1, "--out", "set", "--frames", 4, "--size", "160x120")[0] == 0
    code, _, err = run("--endpoint", url, "--data", "set", "--task", "synthetic", "--model", "m", *more)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("error: ")


async def test_a_malformed_endpoint_among_others_is_no_group_of_errors() -> None:
    with pytest.raises(SightbenchError):
        await probe_all(to("http://127.0.0.1:9", "nonsense"))


SECRET = "hunter2secret"


@pytest.mark.parametrize(
    "url",
    [
        "user:{}@host/v1",
        "http://a:{}/pw@h",
        "http://a:x/{}@h",
        "http://a:12/{}@h",
        "http://a:{}?x@h",
        "http://a:x?{}@h",
        "http://a:x#{}@h",
        "http://a:{}@b@h",
        "http://a:{}@h:99999",
        "http://a:{}@[::1/v1",
        "a:{}://x@h",
        "unix://a:{}@h/v1",
        "http://a b:{}@h/v1",
    ],
)
def test_no_part_of_a_password_is_shown(url: str) -> None:
    url = url.format(SECRET)
    shown = [label(url), repr(Target(url))]
    try:
        where = address(url)
        shown += [where.label, repr(where).replace(where.base, "")]
    except UsageError as error:
        shown.append(str(error))
        assert error.__cause__ is None
    for text in shown:
        assert not any(SECRET[i : i + 4] in text for i in range(len(SECRET) - 3)), text


@example(".é")
@given(st.text(alphabet="hp:/@?#[]%* .1é", max_size=20))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    from yarl import URL

    for url in (text, "http://" + text):
        try:
            URL(address(url).base)
        except UsageError as error:
            assert len(str(error).splitlines()) == 1
