"""`python -m sightbench.servers.masks split | serve | answer`: see docs/masks-server.md."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import sys
from pathlib import Path

from sightbench.errors import SightbenchError
from sightbench.servers.keys import key_in
from sightbench.servers.masks import flags
from sightbench.servers.masks.checkpoint import (
    CheckpointError,
    Model,
    is_split,
    load_model,
    split,
    split_folder,
)

log = logging.getLogger("sightbench.masks")


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 with one line on stderr when it cannot be done (2 for a wrong flag)."""
    parser = argparse.ArgumentParser(prog="python -m sightbench.servers.masks", description=__doc__)
    commands = parser.add_subparsers(required=True)
    cut = commands.add_parser("split", help="a mask model's checkpoint -> language model and head")
    cut.add_argument("checkpoint", type=Path)
    cut.add_argument("out", type=Path)
    cut.add_argument(
        "--image-size", type=int, help="side of SAM 2's input (default: the checkpoint's, or 1024)"
    )
    cut.set_defaults(run=_split)
    serve = commands.add_parser("serve", help="the gateway in front of an engine")
    _checkpoint_flags(serve)
    serve.add_argument("--engine-url", help="http://host:port of the engine (not for --backend transformers)")
    serve.add_argument("--backend", choices=("vllm", "sglang", "transformers"), default="vllm")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--alias", help="the model id requests use (default: the checkpoint folder's name)")
    serve.add_argument(
        "--api-key-env", help="variable with the key that requests must carry, and that the engine is sent"
    )
    flags.declare(serve)
    serve.set_defaults(run=_serve)
    answer = commands.add_parser("answer", help="record the self-test's known answer with transformers")
    _checkpoint_flags(answer)
    answer.add_argument("--dtype", choices=("float32", "bfloat16"), help="default: float32")
    answer.set_defaults(run=_answer)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return int(options.run(options))
    except SightbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except (CheckpointError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(
            f"error: {error.name or error} is not installed: pip install 'sightbench[masks]'", file=sys.stderr
        )
        return 1


def _checkpoint_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="a folder `split` wrote, or the original"
    )
    parser.add_argument("--split-dir", type=Path, help="where the split form of an original goes")
    parser.add_argument("--device", help="cuda, cpu, ... (default: cuda where there is one)")


def _split(options: argparse.Namespace) -> int:
    model = split(options.checkpoint, options.out, options.image_size)
    print(f"{options.out}: {model.family} language model, {model.decoder} head at {model.image_size} px")
    return 0


def _folder(options: argparse.Namespace) -> Path:
    """The split form of --checkpoint: itself, or one made once."""
    given: Path = options.checkpoint
    out = split_folder(given, options.split_dir)
    if not is_split(out):
        log.info("splitting %s into %s", given, out)
        split(given, out)
    return out


def _model(options: argparse.Namespace, folder: Path) -> Model:
    model = load_model(folder)
    size: int = options.image_size or model.image_size
    return dataclasses.replace(model, image_size=size)


def _serve(options: argparse.Namespace) -> int:
    from sightbench.servers.masks.serve import ServeOptions, serve

    folder = _folder(options)
    names = (options.alias or options.checkpoint.name,)
    return serve(
        ServeOptions(
            folder=folder,
            model=_model(options, folder),
            names=names,
            backend=options.backend,
            engine_url=options.engine_url,
            host=options.host,
            port=options.port,
            device=options.device,
            dtype=options.dtype,
            engine_dtype=options.engine_dtype,
            max_queue=options.max_queue,
            max_frames=options.max_frames,
            max_body=options.max_body_mb << 20,
            max_bodies=options.max_bodies_mb << 20,
            key=key_in(options.api_key_env),
            cache_bytes=int(options.cache_gb * (1 << 30)),
            media_root=options.allowed_media_path,
            engine_timeout_s=options.engine_timeout,
            self_test=not options.skip_self_test,
            decoders=options.decoders,
            compiled=options.compile,
        )
    )


def _answer(options: argparse.Namespace) -> int:
    from sightbench.servers.masks import selftest
    from sightbench.servers.masks.backends.transformers_model import TransformersBackend
    from sightbench.servers.masks.serve import load_projection

    folder = _folder(options)
    model = load_model(folder)
    backend = TransformersBackend(folder, model, options.device or "cpu", options.dtype or "float32", 1)
    known = asyncio.run(selftest.record(backend, folder, load_projection(folder, model)))
    print(f"{folder / selftest.KNOWN}: {known.prompt_tokens} tokens in, {len(known.generated_ids)} out")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
