"""Which networks share a program, and on how many threads: tasks cut into stacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from sk_mixup._training.estimator_means import (
    EstimatorMeans,
    MeansAcrossStacks,
    Meeting,
)
from sk_mixup._training.memory import (
    bytes_in_training,
    bytes_of_weights,
    even_part,
    runs_together,
)
from sk_mixup._training.task import Recipe, Task

#: Runs of 128-128 took 99 microseconds a step each in stacks of 4, 69 in stacks of 16
#: and 74 in stacks of 64, on one thread. Those of a search, which share draws, took in
#: stacks of 32 0.80 to 0.84 of the time of stacks of 8.
CPU_STACK = 32
#: Bytes of what an optimiser step reads and writes. Candidates of a search that are in
#: one stack share draws: by 20 and 40 MB, 4 alphas x 5 folds of the defaults took 0.85
#: and 0.80 (breast cancer), 0.94 and 0.84 (digits) of the time of a stack for each.
CACHE = 40_000_000
#: Floating-point operations of a step. A default fit of 20 features takes 120 million,
#: and stays on one thread.
WORK_PER_THREAD = 80_000_000
#: Floating-point operations of an epoch, after which the stacks of one estimator wait
#: for each other: 100,000 rows, eight networks, two threads took 0.8 of the time of one
#: stack on both threads, and 0.7 of the processor's (medians of three).
WORK_PER_MEETING = 20_000_000_000
#: Not measured: enough small networks to occupy a card, and few enough for its memory.
CUDA_STACK = 256


class Stack(NamedTuple):
    """Numbers of tasks, and which of their runs to train as one program.

    ``threads`` are those that it takes if it is trained alone, ``means`` are of
    an estimator whose runs are in several stacks and stop together.
    """

    parts: tuple[tuple[int, range], ...]
    threads: int
    means: EstimatorMeans | None = None


def plan_stacks(tasks: Sequence[Task], threads: int, max_memory: int) -> list[Stack]:
    """Group what has one recipe and cut the groups to what runs fastest and fits."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        # Tasks with a user's module are alone too: their recipes may have no hash.
        # Joined bins have their columns in common.
        shape = task.recipe, task.inputs.bin_columns.tobytes()
        groups[number if task.alone else shape].append(number)
    if len(tasks) == 1 and (n_parts := _parts_of(tasks[0], threads, max_memory)) > 1:
        return _stopping_together(tasks[0], n_parts)
    stacks: list[Stack] = []
    for group in groups.values():
        numbers = _by_rows(group, tasks)
        sizes = {number: len(tasks[number].runs) for number in numbers}
        first, n_runs = tasks[numbers[0]], sum(sizes.values())
        size, workers = _stack_size(first, n_runs, threads, max_memory)
        if first.alone:
            size = n_runs
        # Networks of one estimator stop on their mean score, as far as they fit.
        together = {
            number: runs_together(tasks[number], max_memory, threads)
            for number in numbers
            if first.recipe.patience is not None
        }
        parts = list(_cut(sizes, size, together))
        if len(parts) == 1:
            workers = max(workers, _threads_for(first.recipe, n_runs, threads))
        stacks += [Stack(tuple(part), workers) for part in parts]
    return stacks


def _parts_of(task: Task, threads: int, max_memory: int) -> int:
    """Return into how many stacks, one thread each, to split a long training."""
    recipe, n_runs = task.recipe, len(task.runs)
    fits = n_runs * bytes_in_training(task) <= max_memory
    stops = recipe.patience is not None
    if task.alone or not (fits and stops) or recipe.device.type != "cpu":
        return 1
    n_parts = _threads_for(recipe, n_runs, threads)
    epoch = _work_of_step(recipe, n_runs) * recipe.steps
    # Threads of more than pairs of networks share each step.
    is_long = epoch // WORK_PER_MEETING >= n_parts
    return n_parts if is_long and n_parts <= n_runs // 2 else 1


def _stopping_together(task: Task, n_parts: int) -> list[Stack]:
    """Split the runs of an estimator evenly."""
    meeting, n_runs = Meeting(n_parts), len(task.runs)
    bounds = [n_runs * part // n_parts for part in range(n_parts + 1)]
    return [
        Stack(((0, range(*own)),), 1, MeansAcrossStacks(meeting, number))
        for number, own in enumerate(pairwise(bounds))
    ]


def _by_rows(numbers: Sequence[int], tasks: Sequence[Task]) -> list[int]:
    """Return tasks with those on the same rows side by side, which share draws."""
    rows = [id(tasks[number].runs[0].training) for number in numbers]
    first = {own: place for place, own in reversed(list(enumerate(rows)))}
    order = sorted(range(len(rows)), key=lambda place: first[rows[place]])
    return [numbers[place] for place in order]


def _stack_size(
    task: Task, n_runs: int, threads: int, max_memory: int
) -> tuple[int, int]:
    """Return the runs of a stack and the threads it should run on."""
    recipe = task.recipe
    fits = max(1, max_memory // bytes_in_training(task))
    if recipe.device.type != "cpu":
        return min(fits, CUDA_STACK), threads
    cached = max(1, min(CPU_STACK, CACHE // bytes_of_weights(task)))
    # Stacks on a thread each are faster than one stack on all threads, even if they are
    # a quarter as large: see CPU_STACK.
    if n_runs > cached or n_runs >= threads * cached // 4:
        # Stacks of one size, so that no thread waits for a last one.
        rounds = max(1, round(n_runs / (threads * cached)))
        return min(fits, -(-n_runs // (threads * rounds))), 1
    return min(fits, n_runs), 1


def _threads_for(recipe: Recipe, n_runs: int, threads: int) -> int:
    """Return the threads of a stack that is trained alone."""
    # Threads that wait for each other many times a millisecond gain a quarter on an
    # idle machine, and on a busy one were seen to take a hundred times as long.
    return max(1, min(threads, _work_of_step(recipe, n_runs) // WORK_PER_THREAD))


def _work_of_step(recipe: Recipe, n_runs: int) -> int:
    """Return the floating-point operations of a step."""
    # A product forward and two backward, each of multiplications and additions.
    return 6 * recipe.plan.batch_size * recipe.architecture.n_weights * n_runs


def _cut(
    sizes: dict[int, int], size: int, together: dict[int, int]
) -> Iterator[list[tuple[int, range]]]:
    """Yield the parts of stacks of at most ``size`` runs.

    As many runs of a task as ``together`` says are never split up.
    """
    stack: list[tuple[int, range]] = []
    room = size
    for number, n_runs in sizes.items():
        start = 0
        while start < n_runs:
            left = n_runs - start
            whole = even_part(left, together.get(number, 1))
            if not room or (stack and whole > room):
                yield stack
                stack, room = [], size
            stop = start + (whole if number in together else min(left, room))
            stack.append((number, range(start, stop)))
            room = max(0, room - (stop - start))
            start = stop
    yield stack
