"""Which networks share a program, and on how many threads: tasks cut into stacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._networks.architecture import work_of_step
from sk_mixup._training.estimator_means import (
    EstimatorMeans,
    MeansAcrossStacks,
    MeansInStack,
    Meeting,
)
from sk_mixup._training.memory import (
    bytes_in_training,
    bytes_of_weights,
    even_part,
    runs_together,
)
from sk_mixup._training.recipe import Recipe
from sk_mixup._training.task import Task

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

#: Numbers of tasks, and which of their runs are in a stack.
Parts = tuple[tuple[int, range], ...]


@dataclass(frozen=True)
class Stack:
    """Runs of several tasks, trained as one program.

    Parameters
    ----------
    parts : tuple of (int, range)
        Numbers of the tasks, and which of their runs.
    task : Task
        These runs as one task.
    threads : int
        On which they are trained.
    means : EstimatorMeans
        By which they stop.
    """

    parts: Parts
    task: Task
    threads: int
    means: EstimatorMeans


def plan_stacks(tasks: Sequence[Task], threads: int, max_memory: int) -> list[Stack]:
    """Group what has one recipe and cut the groups to what runs fastest and fits."""
    if len(tasks) == 1 and (n_parts := _parts_of(tasks[0], threads, max_memory)) > 1:
        return _stopping_together(tasks[0], n_parts)
    cuts = [
        parts
        for group in _groups(tasks)
        for parts in _cut_group(group, tasks, threads, max_memory)
    ]
    return [_stack(tasks, parts, len(cuts), threads) for parts in cuts]


def _groups(tasks: Sequence[Task]) -> Iterable[list[int]]:
    """Return the numbers of tasks that can share a program."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        # Tasks with a user's module are alone too: their recipes may have no hash.
        # Joined bins have their columns in common.
        shape = task.recipe, task.inputs.bin_columns.tobytes()
        groups[number if task.alone else shape].append(number)
    return groups.values()


def _cut_group(
    group: Sequence[int], tasks: Sequence[Task], threads: int, max_memory: int
) -> Iterator[Parts]:
    """Return the parts of each stack of a group."""
    numbers = _by_rows(group, tasks)
    sizes = {number: len(tasks[number].runs) for number in numbers}
    first, n_runs = tasks[numbers[0]], sum(sizes.values())
    # Networks of one estimator stop on their mean score, as far as they fit.
    together = {
        number: runs_together(tasks[number], max_memory, threads)
        for number in numbers
        if first.recipe.patience is not None
    }
    return _cut(sizes, _stack_size(first, n_runs, threads, max_memory), together)


def _stack(tasks: Sequence[Task], parts: Parts, n_stacks: int, threads: int) -> Stack:
    """Return one of so many stacks."""
    own = [tasks[number].part(runs) for number, runs in parts]
    task = Task.stack(own) if len(own) > 1 else own[0]
    recipe, n_runs = task.recipe, len(task.runs)
    if recipe.device.type == "cpu":  # where several are trained on a thread each
        threads = 1 if n_stacks > 1 else _threads_for(recipe, n_runs, threads)
    return Stack(parts, task, threads, MeansInStack(task.estimator_numbers))


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
    parts = [range(*own) for own in pairwise(bounds)]
    return [
        Stack(((0, own),), task.part(own), 1, MeansAcrossStacks(meeting, number))
        for number, own in enumerate(parts)
    ]


def _by_rows(numbers: Sequence[int], tasks: Sequence[Task]) -> list[int]:
    """Return tasks with those on the same rows side by side, which share draws."""
    rows = [id(tasks[number].runs[0].training) for number in numbers]
    first = {own: place for place, own in reversed(list(enumerate(rows)))}
    order = sorted(range(len(rows)), key=lambda place: first[rows[place]])
    return [numbers[place] for place in order]


def _stack_size(task: Task, n_runs: int, threads: int, max_memory: int) -> int:
    """Return how many of the runs of tasks like this one a stack should have."""
    if task.alone:
        return n_runs
    fits = max(1, max_memory // bytes_in_training(task))
    if task.recipe.device.type != "cpu":
        return min(fits, CUDA_STACK)
    cached = max(1, min(CPU_STACK, CACHE // bytes_of_weights(task)))
    # Stacks on a thread each are faster than one stack on all threads, even if they are
    # a quarter as large: see CPU_STACK.
    if n_runs > cached or n_runs >= threads * cached // 4:
        # Stacks of one size, so that no thread waits for a last one.
        rounds = max(1, round(n_runs / (threads * cached)))
        return min(fits, ceil_div(n_runs, threads * rounds))
    return min(fits, n_runs)


def _threads_for(recipe: Recipe, n_runs: int, threads: int) -> int:
    """Return the threads of a stack that is trained alone."""
    # Threads that wait for each other many times a millisecond gain a quarter on an
    # idle machine, and on a busy one were seen to take a hundred times as long.
    return max(1, min(threads, _work_of_step(recipe, n_runs) // WORK_PER_THREAD))


def _work_of_step(recipe: Recipe, n_runs: int) -> int:
    n_weights, batch_size = recipe.architecture.n_weights, recipe.plan.batch_size
    return work_of_step(n_weights, batch_size, n_runs)


def _cut(sizes: dict[int, int], size: int, together: dict[int, int]) -> Iterator[Parts]:
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
                yield tuple(stack)
                stack, room = [], size
            stop = start + (whole if number in together else min(left, room))
            stack.append((number, range(start, stop)))
            room = max(0, room - (stop - start))
            start = stop
    yield tuple(stack)
