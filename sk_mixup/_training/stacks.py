"""Tasks that can share a program do: from tasks to stacks and trained nets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from sk_mixup._networks.network import Network
from sk_mixup._networks.torch_threads import (
    one_thread,
    torch_threads,
    without_denormals,
)
from sk_mixup._training.estimator_means import (
    EstimatorMeans,
    MeansAcrossStacks,
    MeansInStack,
    Meeting,
)
from sk_mixup._training.memory import (
    MAX_MEMORY,
    bytes_in_training,
    bytes_of_weights,
    check_memory,
    even_part,
    runs_together,
)
from sk_mixup._training.minibatches import Minibatches
from sk_mixup._training.net import MixupNet
from sk_mixup._training.progress import Progress
from sk_mixup._training.task import Recipe, Task
from sk_mixup._training.time_limit import TimeLimit, longest, seconds_of_stacks

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

    ``threads`` are those that it takes if it is trained alone, ``judge`` is of an
    estimator whose runs are in several stacks and stop together.
    """

    parts: tuple[tuple[int, range], ...]
    threads: int
    means: EstimatorMeans | None = None


def train(
    tasks: Sequence[Task],
    max_memory: int = MAX_MEMORY,
    progress: Progress | None = None,
) -> list[MixupNet]:
    """Train all tasks, stacked where they can be, and return a net for each."""
    progress = progress or Progress()
    check_memory(tasks)
    with one_thread() as threads:
        stacks = plan_stacks(tasks, threads, max_memory)
        stacked = _stacked_in_time(tasks, stacks, threads)
        progress.expect(
            sum(task.n_epochs for task in tasks),
            at_once=min(threads, len(stacks)),
            printed=any(task.verbose for task in tasks),
            most=longest(task.seconds_left for task in tasks),
        )
        nets = _train_stacks(stacked, stacks, threads, progress)
        found: dict[int, list[tuple[MixupNet, range]]] = defaultdict(list)
        for stack, net in zip(stacks, nets, strict=True):
            start = 0
            for number, runs in stack.parts:
                columns = range(start, start + len(runs))
                found[number].append((net, columns))
                start = columns.stop
        return [_assemble(task, found[number]) for number, task in enumerate(tasks)]


def plan_stacks(tasks: Sequence[Task], threads: int, max_memory: int) -> list[Stack]:
    """Group what has one recipe and cut the groups to what runs fastest and fits."""
    groups: dict[Any, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        # Tasks with a user's module are alone too: their recipes may have no hash.
        # Joined bins have their columns in common.
        shape = task.recipe, task.inputs.bin_columns.tobytes()
        groups[number if task.alone else shape].append(number)
    if len(tasks) == 1 and (n_parts := _parts_of(tasks[0], threads, max_memory)) > 1:
        return _judged_together(tasks[0], n_parts)
    stacks: list[Stack] = []
    for group in groups.values():
        numbers = _by_rows(group, tasks)
        sizes = {number: len(tasks[number].runs) for number in numbers}
        first, n_runs = tasks[numbers[0]], sum(sizes.values())
        size, workers = _stack_size(first, n_runs, threads, max_memory)
        if first.alone:
            size = n_runs
        # Networks of one estimator stop by what all of them say, as far as they fit.
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
    """Return into how many stacks, a thread each, to part a long training."""
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


def _judged_together(task: Task, n_parts: int) -> list[Stack]:
    """Part an estimator's runs evenly."""
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

    So many runs of a task as ``together`` says are never parted.
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


def _stacked_in_time(
    tasks: Sequence[Task], stacks: Sequence[Stack], threads: int
) -> list[Task]:
    """Return the stacks as tasks, each with the time that it has."""
    on_gpu = any(task.recipe.device.type != "cpu" for task in tasks)
    seconds = seconds_of_stacks(
        [{number for number, _ in stack.parts} for stack in stacks],
        [task.seconds_left for task in tasks],
        1 if on_gpu else threads,
    )
    return [
        replace(_stacked(tasks, stack), seconds_left=own)
        for stack, own in zip(stacks, seconds, strict=True)
    ]


def _stacked(tasks: Sequence[Task], stack: Stack) -> Task:
    """Return the stack's parts of tasks as one task."""
    parts = [tasks[number].part(runs) for number, runs in stack.parts]
    return Task.stack(parts) if len(parts) > 1 else parts[0]


def _train_stacks(
    tasks: Sequence[Task], stacks: Sequence[Stack], threads: int, progress: Progress
) -> list[MixupNet]:
    """Train stacked tasks, several of a CPU's on a thread each."""
    if len(tasks) == 1:
        return [_train_task(tasks[0], stacks[0], stacks[0].threads, progress)]
    # Threads, not processes: they share the table, and torch computes without the GIL.
    with ThreadPoolExecutor(threads) as pool:
        try:
            futures: dict[int, Future[MixupNet]] = {
                number: pool.submit(_train_task, task, stack, 1, progress)
                for number, (task, stack) in enumerate(zip(tasks, stacks, strict=True))
                # A GPU works off one stack after the other, whatever the threads.
                if task.recipe.device.type == "cpu"
            }
            nets = {
                number: _train_task(task, stack, stack.threads, progress)
                for number, (task, stack) in enumerate(zip(tasks, stacks, strict=True))
                if number not in futures
            }
            # An error is raised at once, not after those that train before it.
            for future in as_completed(futures.values()):
                future.result()
            nets |= {number: future.result() for number, future in futures.items()}
            return [nets[number] for number in range(len(tasks))]
        # Ctrl-C included: the other threads would train on to their last epoch.
        except BaseException:
            progress.stop.set()
            for stack in stacks:
                if stack.means is not None:  # nobody waits for one that never began
                    stack.means.close()
            pool.shutdown(cancel_futures=True)
            progress.stop.clear()  # others may be trained next
            raise


def _train_task(task: Task, stack: Stack, threads: int, progress: Progress) -> MixupNet:
    limit = TimeLimit(task.seconds_left)
    means = stack.means or MeansInStack(task.estimator_numbers)
    with closing(means), torch_threads(threads), without_denormals():
        net = task.net
        if net is None:
            network = task.recipe.architecture.build(task.inputs, task.runs)
            network.widen = task.widen
            net = _new_net(task, network)
        else:
            net.go_on_with(
                _training_params(task.recipe) | {"verbose": task.verbose},
                task.net_params["callbacks"],
                dict(task.recipe.optimizer_params).get("weight_decay"),
            )
            net.accompany(task.recipe.patience, task.bar_steps)
        minibatches = Minibatches(task.runs, task.recipe.plan, net.module_.inputs)
        one_epoch = task.recipe.one_epoch
        return net.train(minibatches, means, progress, limit, one_epoch, task.hooks)


def _new_net(task: Task, network: Network) -> MixupNet:
    recipe = task.recipe
    params = {f"optimizer__{name}": value for name, value in recipe.optimizer_params}
    params |= {f"criterion__{name}": value for name, value in recipe.loss_params}
    params |= {"verbose": 0} | task.net_params
    callbacks = list(params.pop("callbacks", []))
    net = MixupNet(
        network,
        recipe.loss,
        optimizer=recipe.optimizer,
        device=recipe.device,
        callbacks=callbacks,
        **_training_params(recipe),
        **params,
    )
    net.initialize()
    net.accompany(recipe.patience, task.bar_steps)
    return net


def _training_params(recipe: Recipe) -> dict[str, Any]:
    return {
        "lr": recipe.lr,
        "lr_schedule": recipe.lr_schedule,
        "ema_halflife": recipe.ema_halflife,
        "max_epochs": recipe.plan.max_epochs,
        "batch_size": recipe.plan.batch_size,
    }


def _assemble(task: Task, parts: list[tuple[MixupNet, range]]) -> MixupNet:
    """Return a net of the task's own runs, gathered from the stacks they were in."""
    first, columns = parts[0]
    if len(parts) == 1 and len(columns) == first.module_.runs:
        return first
    network = Network.concatenate(
        [net.module_.select(columns) for net, columns in parts]
    )
    network.widen = task.widen
    # A new net, since its optimiser must hold the joined weights.
    joined = _new_net(task, network)
    joined.take_training_from(parts)
    return joined
