"""A request that is answered with an error, in the shape OpenAI gives one."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """One line for the person who sent the request; `status` is the HTTP status it is sent with.

    `param` is the path of the field that is to blame (`messages[0].content[1].image_url`), `retry_after`
    the seconds after which the same request may do.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        param: str | None = None,
        kind: str = "invalid_request_error",
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.kind = kind
        self.code = code
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """`{"error": {"message", "type", "param", "code"}}`; the code is the status where it has no name."""
        code = self.status if self.code is None else self.code
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": code}}

    def headers(self) -> dict[str, str]:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


def busy(message: str, retry_after: int = 2) -> Refusal:
    """The server has too much to do: 503, to be tried again."""
    return Refusal(message, 503, kind="overloaded_error", retry_after=retry_after)


def unknown_model(model: str, served: str) -> Refusal:
    message = f"the model {model[:100]!r} does not exist; this server has {served!r}"
    return Refusal(message, 404, "model", "not_found_error", "model_not_found")
