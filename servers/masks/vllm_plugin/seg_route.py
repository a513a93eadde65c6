"""vLLM endpoint plugin: POST /v1/seg_states is a chat completion whose choice carries its [SEG] states.

`choices[0].seg_states` = {"tokens": indices in the generated tokens, "uncomputed": trailing [SEG] without a
state, "shape": [n, layers, hidden], "data": base64 of float32 little-endian rows}. Internal: the gateway in
front is the only client; it is opt-in through VLLM_PLUGINS.
"""

import asyncio
import base64
import contextlib
import os
import uuid

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from safetensors.torch import load_file
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest, ChatCompletionResponse

WAIT_S = 30.0
"""The worker writes within an engine step of the answer; this long means it died."""


class SegStatesRoute:
    name = "sightbench_masks_route"
    required_tasks = ("generate",)

    def attach_router(self, app):
        router = APIRouter()

        @router.post("/v1/seg_states")
        async def seg_states(request: ChatCompletionRequest, raw: Request):
            if request.stream or (request.n or 1) != 1:
                return _error(400, "seg_states answers one choice and does not stream")
            key = uuid.uuid4().hex
            path = os.path.join(raw.app.state.seg_dir, key + ".safetensors")
            wanted = os.path.join(raw.app.state.seg_dir, key + ".wanted")
            request.kv_transfer_params = {"seg_key": key}
            _create(wanted)
            work = asyncio.ensure_future(_answer(raw, request, path))
            try:
                return await _unless_gone(raw, work)
            finally:
                _unlink(wanted)
                _unlink(path)
                # A client that left between the answer and the copy: the file may still appear.
                if work.cancelled():
                    asyncio.get_running_loop().call_later(WAIT_S, _unlink, path)

        app.include_router(router)

    async def init_state(self, engine_client, state, args):
        state.seg_dir = args.kv_transfer_config.kv_connector_extra_config["seg_dir"]


async def _unless_gone(raw, work):
    """`work`'s result; cancels it (and with it the generation) when the client disconnects."""
    gone = asyncio.ensure_future(_disconnected(raw))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            return _error(499, "client closed the request")
        return work.result()
    finally:
        gone.cancel()
        work.cancel()


async def _disconnected(raw):
    while (await raw.receive())["type"] != "http.disconnect":
        pass


async def _answer(raw, request, path):
    made = await raw.app.state.openai_serving_chat.create_chat_completion(request, raw)
    if not isinstance(made, ChatCompletionResponse):
        return JSONResponse(made.model_dump(), made.error.code)
    out = made.model_dump()
    params = out.pop("kv_transfer_params", None) or {}
    if "seg_tokens" not in params:
        return _error(500, "the [SEG] connector gave no states; the engine's log says why")
    states = {"tokens": params["seg_tokens"], "uncomputed": params["seg_uncomputed"]}
    if "seg_key" in params:
        try:
            rows = await _read(path)
        except RuntimeError as error:
            return _error(500, str(error))
        states |= {
            "shape": list(rows.shape),
            "data": base64.b64encode(rows.float().contiguous().numpy().tobytes()).decode(),
        }
    out["choices"][0]["seg_states"] = states
    return JSONResponse(out)


async def _read(path):
    for _ in range(int(WAIT_S / 0.002)):
        with contextlib.suppress(FileNotFoundError):
            return load_file(path)["states"]
        await asyncio.sleep(0.002)
    raise RuntimeError("the engine did not write the [SEG] states")


def _create(path):
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "x"):
        pass


def _unlink(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _error(status, message):
    kind = {400: "BadRequestError", 499: "Cancelled"}.get(status, "InternalServerError")
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)
