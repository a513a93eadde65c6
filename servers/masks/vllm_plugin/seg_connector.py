"""vLLM KV connector: of all hidden states in the cache, only the [SEG] rows leave the worker.

Runs inside the engine (`--speculative-config method=extract_hidden_states` puts the states into KV pages).
Our route (seg_route.py) opts in with `kv_transfer_params: {"seg_key": NAME}` and an empty file
DIR/NAME.wanted; when the request ends, the states at its generated [SEG] tokens are written to
DIR/NAME.safetensors by an atomic rename. Anybody who reaches the engine can send the parameter, but only
the route can make the file: without it the parameter means nothing. An exception in here would end the
engine, so none leaves.
There is no lock file: a request that is aborted, or has no [SEG], leaves nothing.
`kv_connector_extra_config`: seg_dir, seg_token_ids, seg_shift.
"""

import logging
import os
import re
import time

import torch
from safetensors.torch import save_file
from vllm.distributed.kv_transfer.kv_connector.v1.example_hidden_states_connector import (
    ExampleHiddenStatesConnector,
    ExampleHiddenStatesConnectorMetadata,
    extract_from_kv_cache,
)
from vllm.v1.request import RequestStatus

log = logging.getLogger("vllm.sightbench")
KEY = re.compile("[0-9a-f]{32}")
STALE_S = 300.0
"""A file nobody fetched (its route was cancelled) is removed by a later save after this long."""


class SegStatesConnector(ExampleHiddenStatesConnector):
    """Store-only; works on any device, with prefix caching and chunked prefill."""

    def __init__(self, vllm_config, role, kv_cache_config):
        super().__init__(vllm_config, role, kv_cache_config)
        extra = self._kv_transfer_config.get_from_extra_config
        self._seg_dir = extra("seg_dir", None)
        self._seg_ids = set(extra("seg_token_ids", []))
        self._shift = int(extra("seg_shift", 0))
        if not self._seg_dir or not self._seg_ids:
            raise ValueError(
                "SegStatesConnector needs seg_dir and seg_token_ids in kv_connector_extra_config"
            )
        self._saved = set()

    # Scheduler side

    def build_connector_meta(self, scheduler_output):
        meta = ExampleHiddenStatesConnectorMetadata()
        meta.pending_saves = list(self._pending_saves.values())
        self._pending_saves.clear()
        return meta

    def request_finished(self, request, block_ids):
        try:
            return self._finished(request, block_ids)
        except Exception:
            log.exception("no [SEG] states of a request")
            return False, None

    def _finished(self, request, block_ids):
        params = request.kv_transfer_params
        key = params.get("seg_key") if isinstance(params, dict) else None
        if request.status == RequestStatus.FINISHED_ABORTED or not self._wanted(key):
            return False, None
        tokens, prompt = list(request.all_token_ids), request.num_prompt_tokens
        # Sa2VA reads the state whose input is [SEG]: the last token was never an input, so it has none.
        # UniPixel (shift -1) reads the state that predicts it, which always exists.
        last = len(tokens) - 1 if self._shift == 0 else len(tokens)
        places = [i for i in range(prompt, last) if tokens[i] in self._seg_ids]
        missing = sum(t in self._seg_ids for t in tokens[prompt:]) - len(places)
        answer = {"seg_tokens": [i - prompt for i in places], "seg_uncomputed": missing}
        if not places:
            return False, answer
        self._pending_saves[request.request_id] = (
            request.request_id,
            key,
            [i + self._shift for i in places],
            list(block_ids),
        )
        # True: the blocks are kept until the worker reports the copy in get_finished.
        return True, answer | {"seg_key": key}

    def _wanted(self, key):
        known = isinstance(key, str) and KEY.fullmatch(key) is not None
        return known and os.path.exists(os.path.join(self._seg_dir, key + ".wanted"))

    # Worker side

    def wait_for_save(self):
        pass

    def get_finished(self, finished_req_ids):
        if self.has_connector_metadata():
            for req_id, key, positions, block_ids in self._get_connector_metadata().pending_saves:
                if self._is_tp_rank_zero:
                    try:
                        self._save(key, positions, block_ids)
                    except Exception:
                        # The route waits in vain and says so; the engine goes on.
                        log.exception("[SEG] states could not be written")
                    self._saved.add(req_id)
        self._accumulated_finished_req_ids.update(finished_req_ids)
        done = self._accumulated_finished_req_ids & self._saved
        self._saved -= done
        self._accumulated_finished_req_ids.clear()
        return done or None, None

    def _save(self, key, positions, block_ids):
        """A few KB: a synchronous copy costs less than a stream and a thread to avoid it."""
        size = self._block_size
        slots = torch.tensor([block_ids[p // size] * size + p % size for p in positions])
        rows = extract_from_kv_cache(self._kv_cache, slots.to(self._kv_cache.device), len(slots))
        os.makedirs(self._seg_dir, mode=0o700, exist_ok=True)
        self._sweep()
        path = os.path.join(self._seg_dir, key + ".safetensors")
        save_file({"states": rows.cpu().contiguous()}, path + ".part")
        os.replace(path + ".part", path)

    def _sweep(self):
        for entry in os.scandir(self._seg_dir):
            try:
                if time.time() - entry.stat().st_mtime > STALE_S:
                    os.unlink(entry.path)
            except FileNotFoundError:
                continue
