"""One run over a Ray cluster: an engine and a part of the questions in each replica.

    ray job submit --working-dir . -- python examples/ray_shards.py MODEL --replicas 8 --gpus 1 \\
        --task MMStar --data DIR --out RUN [-- flags of launch_server.sh]

sightbench (with its extra `ray`) is installed on every node; DIR, RUN and the engine are in the same place on
all of them, as whole paths: Ray works in a copy of this folder and throws it away. MODEL "baseline" is the
embedded baseline, with --gpus 0, to try a cluster. The same line again continues. A replica that is killed is
started again by Ray, and asks only what is left; the part that is done last makes the run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

import sightbench
from sightbench.servers.launched import launched


@ray.remote(max_restarts=5, max_task_retries=5)
class Replica:
    """A server and the client that asks it, on one placement group."""

    def ask(self, model: str, words: list[str], log: Path, options: sightbench.Options) -> str:
        """Asks one part in this process: its lock on the part's folder and its server end with it."""
        return asyncio.run(ask_server(model, words, log, options))


async def ask_server(model: str, words: list[str], log: Path, options: sightbench.Options) -> str:
    """Starts a server with launch_server.sh's flags `words`, asks it, and ends it."""
    async with AsyncExitStack() as ending:
        if model != "baseline":
            served, *adapters = await ending.enter_async_context(launched(model, words, log))
            if adapters:
                raise sightbench.UsageError(f"{model} is served with adapters: merge the one that is meant")
            options = replace(
                options,
                endpoint=served.endpoints,
                model=served.model,
                alias=served.alias,
                family=served.family,
                api_key_env=served.api_key_env,
                extra_body=dict(served.extra_body or {}),
                deterministic=served.deterministic,
            )
        outcome = (await sightbench.evaluate_async(options)).outcome
    assert outcome is not None
    counts = f"{outcome.answered} answered, {outcome.kept} kept, {outcome.failed} failed"
    return f"part {options.shard}: {counts}"


def main() -> int:
    words, flags = sys.argv[1:], []
    if "--" in words:
        cut = words.index("--")
        words, flags = words[:cut], words[cut + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--replicas", type=int, required=True)
    parser.add_argument("--gpus", type=int, default=1, help="of each replica")
    parser.add_argument("--task", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(words)
    for path in (options.data, options.out):
        if not Path(path).is_absolute():
            parser.error(f"{path}: give the whole path, which is the same on all nodes")
    ray.init()
    bundle = {"CPU": 1, **({"GPU": options.gpus} if options.gpus else {})}
    replicas, asked = [], []
    for index in range(options.replicas):
        where = PlacementGroupSchedulingStrategy(placement_group([bundle]))
        made = Replica.options(num_cpus=1, num_gpus=options.gpus, scheduling_strategy=where)
        replicas.append(made.remote())
        shard = f"{index}/{options.replicas}"
        tasks = tuple(options.task.split())
        part = sightbench.Options(task=tasks, data=options.data, out=options.out, shard=shard)
        log = Path(options.out) / f"server-{index}.txt"
        given = ["--gpus", str(options.gpus), *flags]
        asked.append(replicas[-1].ask.remote(options.model, given, log, part))
    failed = False
    for answer in asked:
        try:
            print(ray.get(answer), flush=True)
        except ray.exceptions.RayError as error:
            # The others go on, and what they answer is kept.
            print(f"error: {getattr(error, 'cause', error)}", flush=True)
            failed = True
    if failed:
        return 1
    summary = sightbench.open_run(options.out, options.data).summary
    for benchmark in summary.benchmarks:
        print(f"{benchmark.title}: {benchmark.headline.value} ({options.out})")
    return 0 if summary.complete else 1


if __name__ == "__main__":
    sys.exit(main())
