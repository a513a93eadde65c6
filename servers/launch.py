"""`launch_server.sh MODEL`: a model's name -> an engine with the right flags, and what to type next."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from sightbench.errors import SightbenchError, UsageError
from sightbench.families import ENGINES, EngineName, Table, load
from sightbench.files import replace_file
from sightbench.run_module import module_command
from sightbench.servers import engines, mask_engine
from sightbench.servers.checks import check_deterministic, check_gpus, gpus_here, visible_gpus
from sightbench.servers.engines import CPU, Process, Wish
from sightbench.servers.fit import SHARE, Fit, asked_of, check_share, fit, gpu_memory
from sightbench.servers.keys import key_in
from sightbench.servers.masks import flags as gateway_flags
from sightbench.servers.next_lines import bench_lines
from sightbench.servers.ports import held
from sightbench.servers.supervise import (
    START_SECONDS,
    Interrupted,
    run_step,
    serve,
    shown,
)
from sightbench.servers.target import Target, resolve
from sightbench.terminal import printable

ALL_TILES = -1
LOGS = Path("runs") / "servers"
_CHECKOUT = (Path(__file__).resolve().parents[1] / "bench.py").exists()
_PROGRAM = "launch_server.sh" if _CHECKOUT else "sightbench-serve"
_COMMANDS = {"vllm": engines.vllm, "sglang": engines.sglang, "transformers": engines.transformers}


@dataclass(frozen=True, slots=True)
class Launch:
    """All that is started: `steps` one after the other to their ends, then the `stages`."""

    steps: tuple[Process, ...]
    stages: tuple[tuple[Process, ...], ...]
    urls: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        """All that its servers will listen on."""
        return tuple(port for stage in self.stages for process in stage for port in process.ports)


def parser() -> argparse.ArgumentParser:
    """The flags of launch_server.sh; what follows `--` goes to the engine as it is."""
    made = argparse.ArgumentParser(
        prog=_PROGRAM,
        usage=f"{_PROGRAM} MODEL [options] [-- engine flags]",
        description="Start a server for a model by its name: a hub id, or the folder of a checkpoint.",
    )
    made.add_argument("model", help="Qwen/Qwen3-VL-8B-Instruct, or /path/to/checkpoint")
    made.add_argument("--engine", choices=ENGINES, help="default: the first the model's family has")
    made.add_argument("--gpus", type=int, help="of each replica; 0: a CPU build (default: by size)")
    made.add_argument("--host", default="127.0.0.1", help="0.0.0.0 to be reached from outside")
    made.add_argument("--port", type=int, default=8000)
    made.add_argument("--alias", help="the name requests use (default: the model's)")
    made.add_argument("--api-key-env", metavar="NAME", help="variable with the key that requests must carry")
    made.add_argument(
        "--start-timeout",
        type=float,
        default=START_SECONDS,
        help="seconds to come up (default: %(default).0f)",
    )
    made.add_argument("--replicas", type=int, default=1, help="engines of their own behind vllm-router")
    made.add_argument(
        "--memory-share",
        type=float,
        metavar="F",
        help="of each GPU's memory, for several servers on one: 0.45 (default: the engine's own)",
    )
    made.add_argument("--lora", action="append", default=[], metavar="NAME=PATH", help="may be repeated")
    made.add_argument("--family", help="of sightbench/models.yaml, if the name does not tell")
    made.add_argument(
        "--tiles",
        type=_tiles,
        metavar="N|all",
        help="at most so many of an image (InternVL): 1, which suits frames, unless said otherwise",
    )
    made.add_argument("--min-pixels", type=int, help="of an image (Qwen-VL)")
    made.add_argument("--max-pixels", type=int, help="of an image (Qwen-VL)")
    made.add_argument(
        "--task",
        nargs="+",
        metavar="NAME",
        help="benchmarks it will be asked: sets context and images per prompt, says whether they fit",
    )
    made.add_argument("--data", type=Path, metavar="DIR", help="their files, for --task")
    made.add_argument(
        "--deterministic",
        action="store_true",
        help="answers that do not depend on what else is asked (batch-invariant kernels; slower)",
    )
    masks = made.add_argument_group("the mask server, for models that give masks")
    masks.add_argument("--split-dir", type=Path, help="where the split checkpoint goes (default: a cache)")
    gateway_flags.declare(masks, optional=True)
    made.add_argument("--engine-venv", type=Path, help="virtual environment of the engine (or ENGINE_VENV)")
    made.add_argument("--log", type=Path, help=f"default: {LOGS}/NAME-PORT.log")
    made.add_argument("--ready-file", type=Path, help="the lines to type next go there too, once it is up")
    made.add_argument("--exit-with-parent", action="store_true", help="stop when standard input is closed")
    made.add_argument("--dry-run", action="store_true", help="print every command line, start nothing")
    return made


def _tiles(text: str) -> int:
    """A number of tiles; ALL_TILES for as many as the model takes by itself."""
    if text in ("one", "all"):
        return 1 if text == "one" else ALL_TILES
    if not re.fullmatch("[1-9][0-9]{0,3}", text):
        raise argparse.ArgumentTypeError(f"{text}: a number from 1 on, or all")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """0, 1 when a server did not come up or ended, 2 for a mistake, 128 + signal after a signal."""
    words = sys.argv[1:] if arguments is None else arguments
    cut = words.index("--") if "--" in words else len(words)
    options = parser().parse_args(words[:cut])
    try:
        return _main(options, tuple(words[cut + 1 :]))
    except SightbenchError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except Interrupted as stop:
        return 128 + stop.number
    except KeyboardInterrupt:
        # Before anything was started.
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be written, not even at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return 1


def _main(options: argparse.Namespace, extra: tuple[str, ...]) -> int:
    table = load()
    named = options.engine_venv or os.environ.get("ENGINE_VENV")
    # Not resolved: the interpreter of a virtual environment is known by where its link is.
    venv = Path(named).absolute() if named else None
    target = resolve(
        options.model,
        table,
        family=options.family,
        alias=options.alias,
        adapters=tuple(options.lora),
        weightless="dummy" in extra,
    )
    masks = mask_engine.GatewayWish(tuple(gateway_flags.given(options)), options.split_dir)
    if not target.family.masks and (masks.gateway or masks.split_dir):
        flag = masks.gateway[0] if masks.gateway else "--split-dir"
        raise UsageError(f"{flag} is for models that give masks; an engine's own flags go after --")
    key_in(options.api_key_env)
    engine = engine_of(target, options.engine)
    if options.replicas < 1 or (options.gpus or 0) < 0 or not 0 < options.port < 65536:
        raise UsageError("--replicas is 1 or more, --gpus 0 or more, --port between 1 and 65535")
    if options.ready_file is not None and not os.access(options.ready_file.parent, os.W_OK):
        raise UsageError(f"--ready-file {options.ready_file}: there is no folder that it could be written to")
    gpus = table.gpus_for(target.billions) if options.gpus is None else options.gpus
    if options.deterministic:
        check_deterministic(target, engine, gpus)
    if options.memory_share is not None:
        check_share(target, gpus, options.memory_share, gpu_memory())
    tiles = tiles_of(target, engine, options.tiles)
    pixels = pixels_of(target, engine, options.min_pixels, options.max_pixels)
    needed = _fit(options, target, engine, gpus, tiles, pixels) if options.task else Fit({}, ())
    wish = Wish(
        host=options.host,
        port=options.port,
        name=options.alias or target.name,
        gpus=gpus,
        tiles=tiles,
        pixels=pixels,
        extra=extra,
        key_env=options.api_key_env,
        deterministic=options.deterministic,
        sizes=needed.flags,
        memory_share=None if gpus == CPU else options.memory_share,
        card_gb=gpu_memory() if gpus != CPU and target.family.masks else None,
    )
    for line in needed.lines:
        print(f"# {line}" if options.dry_run else line, flush=True)
    if options.dry_run:
        plan = launch(target, engine, wish, options.replicas, venv, masks, dry=True)
        _print_dry(plan, target, engine, wish, table)
        return 0
    if wish.gpus != CPU:
        check_gpus(gpus_here(wish.gpus, options.replicas, extra), visible_gpus())
    plan = launch(target, engine, wish, options.replicas, venv, masks)
    with held(wish.host, plan.ports):
        log = options.log or LOGS / f"{re.sub(r'[^A-Za-z0-9._-]+', '--', wish.name)}-{wish.port}.log"
        for note in (*target.notes, *plan.notes):
            print(f"note: {printable(note)}", flush=True)
        for step in plan.steps:
            print(f"{step.name}: {shown(step)} (log: {log})", flush=True)
            run_step(step, log)
        if plan.steps:
            # A checkpoint that has just been split says itself what its engine needs to know.
            plan = launch(target, engine, wish, options.replicas, venv, masks)
        count = f" x {options.replicas}" if options.replicas > 1 else ""
        print(f"starting {target.model} on {engine}{count} (log: {log})", flush=True)

        def ready() -> None:
            lines = bench_lines(target, engine, wish, plan.urls, table)
            print("\n  ".join([f"{wish.name} is ready. Next:", *lines]), flush=True)
            if options.ready_file is not None:
                replace_file(options.ready_file, "\n".join(lines).encode())

        if options.exit_with_parent:
            threading.Thread(target=_watch_parent, daemon=True).start()

        code, why = serve(plan.stages, log, ready, options.start_timeout)
        if why is not None:
            print(f"error: {printable(why)}", file=sys.stderr)
        return code


def _watch_parent() -> None:
    """Whoever holds the other end of standard input is gone once it reads as closed, even after kill -9."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _fit(
    options: argparse.Namespace,
    target: Target,
    engine: EngineName,
    gpus: int,
    tiles: int | None,
    pixels: tuple[int, int] | None,
) -> Fit:
    if options.data is None:
        raise UsageError("--task needs --data, the folder with the benchmark's files")
    needs = asked_of(module_command(sys.executable, "__main__"), options.task, options.data)
    share = options.memory_share or SHARE
    return fit(needs, target, engine, gpus, tiles=tiles, pixels=pixels, memory_gb=gpu_memory(), share=share)


def engine_of(target: Target, wanted: EngineName | None) -> EngineName:
    """The engine to use; UsageError if the family is not served by the one wanted for, with the reason."""
    family = target.family
    if family.masks and wanted == "vllm":
        wanted = "masks"
    if wanted is None:
        return next(iter(family.serving.engines))
    if wanted in family.serving.engines:
        return wanted
    others = " or ".join(family.serving.engines)
    if wanted == "masks":
        raise UsageError(f"{target.model} gives no masks ({family.name}): --engine {others}")
    why = family.serving.without.get(wanted, f"{family.name} is not served by it")
    raise UsageError(f"--engine {wanted}: {why}; use --engine {others}")


def launch(
    target: Target,
    engine: EngineName,
    wish: Wish,
    replicas: int,
    venv: Path | None,
    masks: mask_engine.GatewayWish,
    *,
    dry: bool = False,
) -> Launch:
    """Everything to start. Raises UsageError for an engine that is not installed, unless `dry`, and for ports
    that there are not."""
    program: EngineName = "vllm" if engine == "masks" else engine
    found = None if target.family.masks and engine == "transformers" else engines.find(program, venv)
    if found is None:
        if not dry and not (target.family.masks and engine == "transformers"):
            raise UsageError(engines.install_hint(program))
        found = engines.not_installed(program)
    steps: tuple[Process, ...] = ()
    stages: list[list[Process]] = []
    routed = replicas > 1 and wish.key_env is None
    router = engines.find_router(venv) if routed else None
    if dry and routed:
        router = router or "vllm-router"
    for index in range(replicas):
        one = wish if replicas == 1 else replace(wish, port=wish.port + 1 + index, host=_behind(wish, router))
        if target.family.masks:
            steps, made = mask_engine.processes(target, one, engine, found, venv, masks)
        else:
            made = [_COMMANDS[engine](target, one, found)]
        if replicas > 1:
            made = [_replica(process, index, one.gpus) for process in made]
        stages = stages or [[] for _ in made]
        for stage, process in zip(stages, made, strict=True):
            stage.append(process)
    urls = tuple(process.url for process in stages[-1] if process.url is not None)
    notes: tuple[str, ...] = ()
    if dry and steps and engine == "masks":
        notes = (mask_engine.PLACEHOLDERS,)
    if wish.key_env is None and engines.value("--api-key", wish.extra) is None and not _local(wish.host):
        notes += (f"everybody who reaches port {wish.port} may ask; --api-key-env NAME asks for a key",)
    if replicas > 1 and router is not None:
        stages.append([engines.router(wish, urls, router)])
        urls = (engines.local_url(wish.host, wish.port),)
    elif replicas > 1 and wish.key_env is not None:
        notes += (
            "vllm-router is left out, it would need the key too: give every --endpoint to the evaluation",
        )
    elif replicas > 1:
        notes += (
            "vllm-router is not installed (pip install vllm-router): give every --endpoint to the evaluation",
        )
    plan = Launch(steps, tuple(map(tuple, stages)), urls, notes)
    # What a launch takes beside --port lies above it.
    if (highest := max(plan.ports, default=0)) > 65535:
        raise UsageError(f"--port: its servers would take ports up to {highest}, and 65535 is the last one")
    return plan


def _local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def tiles_of(target: Target, engine: EngineName, wanted: int | None) -> int | None:
    """The tiles of an image, None for the model's own number. UsageError for a family that cuts none."""
    cuts = target.family.serving.engines[engine].cuts_tiles
    if wanted is not None and not cuts and wanted != ALL_TILES:
        raise UsageError(f"--tiles: {target.family.name} on {engine} does not cut images into tiles")
    return (1 if wanted is None else None if wanted == ALL_TILES else wanted) if cuts else None


def pixels_of(
    target: Target, engine: EngineName, least: int | None, most: int | None
) -> tuple[int, int] | None:
    """(least, most) pixels of an image, None for the model's own. UsageError where they cannot be bounded."""
    if least is None and most is None:
        return None
    if least is None or most is None or not 0 < least <= most:
        raise UsageError("--min-pixels and --max-pixels go together: 0 < MIN <= MAX")
    if not target.family.serving.engines[engine].pixels:
        raise UsageError(f"--max-pixels: {target.family.name} on {engine} has no bounds for pixels")
    return least, most


def _behind(wish: Wish, router: str | None) -> str:
    """Engines behind a router of this machine are reached through it alone."""
    return wish.host if router is None else "127.0.0.1"


def _replica(process: Process, index: int, gpus: int) -> Process:
    environment = dict(process.environment)
    if gpus != CPU:
        devices = visible_gpus() or [str(device) for device in range((index + 1) * gpus)]
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(devices[index * gpus : (index + 1) * gpus])
    return replace(process, name=f"{process.name}-{index + 1}", environment=environment)


def _print_dry(plan: Launch, target: Target, engine: EngineName, wish: Wish, table: Table) -> None:
    print(f"# {target.model}: family {target.family.name}, {engine}, {wish.gpus or 'no'} GPU(s) a replica")
    for note in (*target.notes, *plan.notes):
        print(f"# {note}")
    for process in (*plan.steps, *(process for stage in plan.stages for process in stage)):
        print(shown(process))
    for line in bench_lines(target, engine, wish, plan.urls, table):
        print(f"# then: {line}")


if __name__ == "__main__":
    raise SystemExit(main())
