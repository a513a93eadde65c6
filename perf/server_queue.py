"""How much of a sweep over checkpoints a GPU stands idle, by a simulated clock.

python perf/server_queue.py [--gpus 4]

What starts when is the product's own `schedule.moves`; only the clock is not real. Idle is the time in which
a GPU has no server that answers, from the first start to the last end. The ways: one server after the other,
as many servers as GPUs, and two on a GPU, so that one loads while the other answers.

Assumed: two servers fit on a GPU (a model of 8 B has 16 GB of weights, half of an H200 is 70 GB); while one
loads the other answers `--slower` less quickly; the last answers of a server take `--last` seconds, stopping
one `--stop`; all times vary by a fifth. No GPU was at hand: the times to start are those of STARTS.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sightbench.evaluation.studies.schedule import Server, Stage, moves

STARTS = {
    59: "a model of 3 GB, compiled before (github.com/vllm-project/vllm/issues/20264: to the first answer)",
    120: "compiled anew: 91 s (github.com/run-ai/runai-model-streamer/issues/67), and 30 s assumed before it",
    277: "35 B in 4 bits on an RTX 5090 (github.com/vllm-project/vllm/issues/44881)",
}
"""Seconds from the start of a vLLM to its first answer, and where they were recorded. Ours, of a tiny model
on CPUs without compiling: 21 s on an idle machine, 40 to 100 s on a crowded one."""

ANSWERS = (120, 300, 900, 2700)
"""Seconds of answering, which a card's speed decides: 1,500 questions at 12.5 a second are 120."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds that one server needs: to start, to answer (`last` of them for the last answers), to stop."""

    start: float
    answer: float
    last: float
    stop: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a simulated sweep took: seconds in all, and the share of them without a server that answers."""

    seconds: float
    idle: float


def simulate(times: Sequence[Times], places: Sequence[str], at_once: int, slower: float = 0.1) -> Told:
    """Servers that take one place each, driven by the product's schedule until all have gone."""
    servers = {str(number): Server(1) for number in range(len(times))}
    left: dict[str, float] = {}
    clock, busy = 0.0, dict.fromkeys(places, 0.0)
    while any(server.stage is not Stage.GONE for server in servers.values()):
        for move in tuple(moves(servers, places, at_once)):
            servers[move.name] = replace(servers[move.name], stage=move.to, places=move.places)
            left[move.name] = _seconds(move.to, times[int(move.name)])
        rates = {name: _rate(servers, name, slower) for name in left}
        step = min(left[name] / rates[name] for name in left)
        clock += step
        for place in places:
            here = [server.stage for server in servers.values() if place in server.places]
            busy[place] += step if {Stage.ASKING, Stage.LAST} & set(here) else 0.0
        for name in tuple(left):
            left[name] -= step * rates[name]
            if left[name] <= 1e-9:
                after = AFTER[servers[name].stage]
                servers[name] = replace(servers[name], stage=after)
                del left[name]
                if after is Stage.LAST:
                    left[name] = times[int(name)].last
    return Told(clock, 1 - sum(busy.values()) / (clock * len(places)))


AFTER = {
    Stage.STARTING: Stage.READY,
    Stage.ASKING: Stage.LAST,
    Stage.LAST: Stage.ASKED,
    Stage.STOPPING: Stage.GONE,
}


def _seconds(stage: Stage, times: Times) -> float:
    return {
        Stage.STARTING: times.start,
        Stage.ASKING: times.answer - times.last,
        Stage.STOPPING: times.stop,
    }[stage]


def _rate(servers: Mapping[str, Server], name: str, slower: float) -> float:
    own = servers[name]
    beside = any(
        other.stage is Stage.STARTING and set(other.places) & set(own.places)
        for key, other in servers.items()
        if key != name
    )
    return 1 - slower if beside and own.stage in (Stage.ASKING, Stage.LAST) else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checkpoints", type=int, default=16)
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--slower", type=float, default=0.1)
    parser.add_argument("--last", type=float, default=10.0)
    parser.add_argument("--stop", type=float, default=10.0)
    options = parser.parse_args()
    print(f"{options.checkpoints} checkpoints, {options.gpus} GPU(s); idle share of the GPUs, hours in all")
    print("start | answering | one after the other | a server a GPU | two a GPU")
    for start in STARTS:
        for answer in ANSWERS:
            draw = random.Random(0)
            drawn = [(draw.uniform(0.8, 1.2), draw.uniform(0.8, 1.2)) for _ in range(options.checkpoints)]
            times = [Times(start * a, answer * b, options.last, options.stop) for a, b in drawn]
            every = [str(number) for number in range(options.gpus)]
            one = simulate(times, every[:1], 1, options.slower)
            # The other GPUs have nothing to do at all.
            alone = Told(one.seconds, 1 - (1 - one.idle) / options.gpus)
            ways = (alone, *(simulate(times, every, count, options.slower) for count in (1, 2)))
            cells = " | ".join(f"{way.idle:6.1%}  {way.seconds / 3600:5.2f} h" for way in ways)
            print(f"{start:3} s | {answer:5} s   | {cells}")
    print("\nstarts:")
    for seconds, source in STARTS.items():
        print(f"  {seconds} s: {source}")


if __name__ == "__main__":
    main()
