"""A scripted judge: reads which form it is asked in off the request and answers as a good one would, or as
it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.faults.server import Request, Response, completion

GOOD: dict[str, dict[str, Any]] = {
    "score": {"score": "0.7"},
    "assistant_1": {"assistant_1": 8, "assistant_2": 6},
    "completeness": {
        "completeness": 5,
        "logical_sequence": 4,
        "hallucination_redundancy": 3,
        "granularity": 4,
    },
    "key_points": {"key_points": [{"point": "a", "right": True}, {"point": "b", "right": False}]},
    "option": {"option": "A"},
}
"""A verdict for each of our schemas, by a property only it has."""


def verdict(request: Request) -> str:
    """What a good judge replies to a request in one of our forms."""
    properties = request.json["response_format"]["json_schema"]["schema"]["properties"]
    for name, found in GOOD.items():
        if name in properties:
            return json.dumps({"reason": "because", **found})
    allowed = properties["answer"].get("enum")
    return json.dumps({"reason": "because", "answer": "Yes" if allowed else "14"})


def judging(request: Request, number: int) -> Response:
    """The script of a judge that always gives a verdict."""
    return Response(body=completion(verdict(request), model="judge"))


def saying(text: str, **more: Any) -> Callable[[Request, int], Response]:
    """The script of a judge that always says this."""
    return lambda request, number: Response(body=completion(text, model="judge", **more))
