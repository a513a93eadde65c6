"""Which part of a run this process asks: as told by `--shard`, or read from what started it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sightbench.errors import UsageError

AUTO = "auto"

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """Part `index` (from 0) of `count`; `why` says in words where that was read."""

    index: int
    count: int
    why: str

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def told(asked: str | None, note: Callable[[str], None]) -> Part | None:
    """The part of this process, said aloud. Raises what `part` raises."""
    found = part(asked, os.environ)
    if found:
        note(f"part {found} of the run is asked here ({found.why})")
    elif asked:
        note(f"--shard {asked}: no scheduler started several processes, everything is asked here")
    return found


def part(asked: str | None, environment: Environment) -> Part | None:
    """The part that `--shard` means here; None: everything is asked by this process.

    Without `--shard` only the tasks of one `srun` take parts: the body of an sbatch script has SLURM_NTASKS
    and SLURM_PROCID too, but is one process. `auto` reads what any scheduler says, the innermost that
    started several processes. Raises UsageError for what is no part, or tells only half of one.
    """
    if asked is None:
        return _slurm_step(environment)
    if asked == AUTO:
        return next((found for read in SCHEDULERS if (found := read(environment))), None)
    written = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", asked)
    if not written or int(written[1]) >= int(written[2]):
        raise UsageError(f"--shard {asked}: write i/n with 0 <= i < n, for example 0/4, or auto")
    return Part(int(written[1]), int(written[2]), "--shard")


def _slurm_step(environment: Environment) -> Part | None:
    count = _number(environment, "SLURM_STEP_NUM_TASKS")
    index = _number(environment, "SLURM_PROCID")
    if count is None or index is None or count < 2:
        return None
    return Part(index, count, f"srun started {count} tasks, SLURM_PROCID is {index}")


def _slurm_array(environment: Environment) -> Part | None:
    """An array is as many parts as it has tasks; what each of them starts with srun divides its part."""
    task = _number(environment, "SLURM_ARRAY_TASK_ID")
    if task is None:
        return None
    first = _number(environment, "SLURM_ARRAY_TASK_MIN") or 0
    last = _number(environment, "SLURM_ARRAY_TASK_MAX") or 0
    step = _number(environment, "SLURM_ARRAY_TASK_STEP") or 1
    count = _number(environment, "SLURM_ARRAY_TASK_COUNT") or 0
    if count != (last - first) // step + 1 or (task - first) % step or (count == 1 and task):
        raise UsageError(
            f"--shard auto: of task {task} of this job array it cannot be told which part of how many it is; "
            "submit --array=0-N without gaps, or give --shard i/n"
        )
    index, why = (task - first) // step, f"SLURM_ARRAY_TASK_ID is {task} of {first}-{last}"
    if inner := _slurm_step(environment):
        return Part(index * inner.count + inner.index, count * inner.count, f"{why}; {inner.why}")
    return Part(index, count, why) if count > 1 else None


def _kubernetes(environment: Environment) -> Part | None:
    index = _number(environment, "JOB_COMPLETION_INDEX")
    if index is None:
        return None
    count = _number(environment, "JOB_COMPLETIONS")
    if count is None:
        raise UsageError(
            "--shard auto: JOB_COMPLETION_INDEX is set, but not of how many, which Kubernetes does not say: "
            "give the container JOB_COMPLETIONS with the job's `completions` (examples/kubernetes.yaml)"
        )
    return _of(index, count, "JOB_COMPLETION_INDEX")


def _ranks(index: str, count: str) -> Callable[[Environment], Part | None]:
    def read(environment: Environment) -> Part | None:
        mine, all_of_them = _number(environment, index), _number(environment, count)
        if mine is None or all_of_them is None or all_of_them < 2:
            return None
        return _of(mine, all_of_them, index)

    return read


def _of(index: int, count: int, name: str) -> Part | None:
    if index >= count:
        raise UsageError(f"--shard auto: {name} is {index}, and there are {count} in all")
    return Part(index, count, f"{name} is {index} of {count}") if count > 1 else None


SCHEDULERS: tuple[Callable[[Environment], Part | None], ...] = (
    _ranks("RANK", "WORLD_SIZE"),
    _ranks("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    _slurm_array,
    _slurm_step,
    _ranks("PMI_RANK", "PMI_SIZE"),
    _kubernetes,
)
"""Innermost first: torchrun and mpirun run inside a Slurm step, and count over all of it. Slurm gives its own
steps PMI's variables too, which do not know of an array."""


def _number(environment: Environment, name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None
