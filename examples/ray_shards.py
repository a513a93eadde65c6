"""One run over a Ray cluster: an engine and a part of the questions in each replica.

    ray job submit --working-dir . -- python examples/ray_shards.py MODEL --replicas 8 --gpus 1 \\
        --task MMStar --data DIR --out RUN [-- flags of launch_server.sh]

sightbench (with its extra `ray`) is installed on every node; DIR, RUN and the engine are in the same place on
all of them. MODEL "baseline" is the embedded baseline, with --gpus 0, to try a cluster. The same line again
continues. A replica that is killed is started again by Ray, and asks only what is left; the part that is done
last makes the run.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import time
from pathlib import Path

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

import sightbench

LAUNCHER = "./launch_server.sh"


@ray.remote(max_restarts=5, max_task_retries=5)
class Replica:
    """A server and the client that asks it, on one placement group."""

    def __init__(self, model: str, gpus: int, flags: list[str], log: str) -> None:
        self.endpoint: str | None = None
        if model == "baseline":
            return
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        # The server ends with this actor, even by SIGKILL: it would keep the GPU.
        command = [
            "setpriv",
            "--pdeathsig",
            "TERM",
            LAUNCHER,
            model,
            "--port",
            str(port),
            "--gpus",
            str(gpus),
        ]
        with open(log, "w") as told:
            server = subprocess.Popen([*command, *flags], stdout=told, stderr=subprocess.STDOUT)
        while "is ready" not in Path(log).read_text():
            if server.poll() is not None:
                raise RuntimeError(Path(log).read_text())
            time.sleep(1)
        self.endpoint = f"http://127.0.0.1:{port}/v1"

    def ask(self, shard: str, task: str, data: str, out: str) -> str:
        """Asks one part in this process, so that its lock on the part's folder ends with it."""
        notes: list[str] = []
        options = sightbench.Options(
            endpoint=self.endpoint or (), task=tuple(task.split()), data=data, out=out, shard=shard
        )
        outcome = sightbench.evaluate(options, note=notes.append).outcome
        assert outcome is not None
        return f"part {shard}: {outcome.answered} answered, {outcome.kept} kept, {outcome.failed} failed"


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
    Path(options.out).mkdir(parents=True, exist_ok=True)
    ray.init()
    bundle = {"CPU": 1, **({"GPU": options.gpus} if options.gpus else {})}
    replicas = []
    for index in range(options.replicas):
        group = placement_group([bundle])
        where = PlacementGroupSchedulingStrategy(group)
        log = f"{options.out}/server-{index}.txt"
        made = Replica.options(num_cpus=1, num_gpus=options.gpus, scheduling_strategy=where)
        replicas.append(made.remote(options.model, options.gpus, flags, log))
    asked = [
        replica.ask.remote(f"{index}/{options.replicas}", options.task, options.data, options.out)
        for index, replica in enumerate(replicas)
    ]
    for line in asked:
        print(ray.get(line), flush=True)
    summary = sightbench.open_run(options.out, options.data).summary
    for benchmark in summary.benchmarks:
        print(f"{benchmark.title}: {benchmark.headline.value} ({options.out})")
    return 0 if summary.complete else 1


if __name__ == "__main__":
    sys.exit(main())
