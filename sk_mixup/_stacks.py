"""Networks that can share a program do: from problems to stacks and trained nets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sk_mixup._architecture import Architecture
from sk_mixup._epoch import Minibatches, Plan
from sk_mixup._losses import Loss
from sk_mixup._modules import Network, Standardize
from sk_mixup._moments import Moments
from sk_mixup._net import MixupNet
from sk_mixup._progress import Progress
from sk_mixup._rows import Run
from sk_mixup._threads import one_thread, torch_threads, without_denormals

CPU_STACK = 16
CACHE = 6_000_000
WORK_PER_THREAD = 40_000_000  # floating-point operations of a step
CUDA_STACK = 256


@dataclass(frozen=True)
class Recipe:
    """What networks must have in common to be trained side by side.

    ``alone`` is an object of its own for an estimator that shares its program with no
    other: it has callbacks, prints, or goes on with an earlier training.
    """

    plan: Plan
    architecture: Architecture
    steps: int
    loss: type[Loss]
    optimizer: type[torch.optim.Optimizer]
    optimizer_params: tuple[tuple[str, Any], ...]
    lr: float
    lr_schedule: str
    ema_halflife: float
    device: torch.device
    patience: int | None
    standardize: bool
    clip: float | None
    alone: object = None


@dataclass(frozen=True)
class Problem:
    """One estimator's networks, to be trained or, if ``net`` is given, trained on.

    ``fixed`` are the parameters that may not change when they are trained on,
    ``moments`` those of each network's features, if they are standardised.
    """

    recipe: Recipe
    runs: list[Run]
    standardize: Standardize
    net: MixupNet | None = None
    net_params: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    moments: list[Moments | None] = field(default_factory=list)

    @property
    def verbose(self) -> int:
        return int(self.net_params.get("verbose", 0))

    @property
    def bar_steps(self) -> int | None:
        """Steps of an epoch, if a progress bar is to show them."""
        return self.recipe.steps if self.verbose >= 2 else None


@dataclass(frozen=True)
class Share:
    """Some runs of one problem, within a stack."""

    problem: Problem
    runs: range


@dataclass(frozen=True)
class Stack:
    """Shares that are trained as one program, and on how many threads if alone."""

    shares: tuple[Share, ...]
    threads: int

    @property
    def recipe(self) -> Recipe:
        return self.shares[0].problem.recipe

    @property
    def prints(self) -> bool:
        """Whether its epochs are printed."""
        return any(share.problem.verbose for share in self.shares)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The number of the share, and so of the estimator, that each run is of."""
        sizes = [len(share.runs) for share in self.shares]
        return np.repeat(np.arange(len(sizes)), sizes)

    @property
    def runs(self) -> list[Run]:
        return [share.problem.runs[run] for share in self.shares for run in share.runs]


def train_problems(
    problems: Sequence[Problem], max_memory: int, progress: Progress
) -> list[MixupNet]:
    """Train all problems, stacked where they can be, and return a net for each."""
    parts: dict[int, list[tuple[MixupNet, range]]] = defaultdict(list)
    with one_thread() as threads:
        stacks = plan_stacks(problems, threads, max_memory)
        progress.expect(
            sum(len(stack.runs) * stack.recipe.plan.max_epochs for stack in stacks),
            at_once=min(threads, len(stacks)),
            printed=any(stack.prints for stack in stacks),
        )
        nets = _train_stacks(stacks, threads, progress)
        for stack, net in zip(stacks, nets, strict=True):
            start = 0
            for share in stack.shares:
                columns = range(start, start + len(share.runs))
                parts[id(share.problem)].append((net, columns))
                start = columns.stop
        return [_assemble(problem, parts.pop(id(problem))) for problem in problems]


def plan_stacks(
    problems: Sequence[Problem], threads: int, max_memory: int
) -> list[Stack]:
    """Group what has one recipe and cut the groups to what runs fastest and fits."""
    groups: dict[Recipe, list[Problem]] = defaultdict(list)
    for problem in problems:
        groups[problem.recipe].append(problem)
    stacks: list[Stack] = []
    for recipe, group in groups.items():
        n_runs = sum(len(problem.runs) for problem in group)
        size, workers = _stack_size(group[0], n_runs, threads, max_memory)
        if recipe.alone is not None:
            size = n_runs
        # Networks of one estimator stop by what all of them say.
        shares = list(_cut(group, size, splittable=recipe.patience is None))
        if len(shares) == 1:
            workers = max(workers, _threads_for(recipe, n_runs, threads))
        stacks += [Stack(tuple(part), workers) for part in shares]
    return stacks


def _stack_size(
    problem: Problem, n_runs: int, threads: int, max_memory: int
) -> tuple[int, int]:
    """Return the runs of a stack and the threads it should run on.

    On a CPU a stack whose weights, gradients and moments fit the cache is fastest, and
    even stacks on a thread each are faster than one stack on all threads. A stack
    alone gets a thread for every so many operations of a step: threads that wait for
    each other many times a millisecond gain a quarter on an idle machine, and on a busy
    one were seen to take a hundred times as long. (Parting an estimator's networks that
    stop together, so that threads wait once an epoch, took 0.73 of the time on two idle
    cores and 1.5 times as long with one of them busy.)
    """
    recipe = problem.recipe
    kept = 5 if recipe.ema_halflife else 4  # weights, gradients, two moments, average
    weights = 4 * kept * recipe.architecture.n_weights + 1
    draws = 40 * recipe.plan.n_mixed * max(len(run.training) for run in problem.runs)
    fits = max(1, max_memory // (weights + draws))
    if recipe.device.type != "cpu":
        return min(fits, CUDA_STACK), threads
    cached = max(1, min(CPU_STACK, CACHE // weights))
    if n_runs > cached or n_runs >= threads * cached // 4:
        rounds = max(1, round(n_runs / (threads * cached)))
        return min(fits, -(-n_runs // (threads * rounds))), 1
    return min(fits, n_runs), 1


def _threads_for(recipe: Recipe, n_runs: int, threads: int) -> int:
    """Return the threads of a stack that is trained alone."""
    work = 6 * recipe.plan.batch_size * recipe.architecture.n_weights * n_runs
    return max(1, min(threads, work // WORK_PER_THREAD))


def _cut(
    group: Sequence[Problem], size: int, splittable: bool
) -> Iterator[list[Share]]:
    stack: list[Share] = []
    room = size
    for problem in group:
        start, n_runs = 0, len(problem.runs)
        while start < n_runs:
            if not room or (stack and not splittable and n_runs > room):
                yield stack
                stack, room = [], size
            stop = min(n_runs, start + room) if splittable else n_runs
            stack.append(Share(problem, range(start, stop)))
            room = max(0, room - (stop - start))
            start = stop
    yield stack


def _train_stacks(
    stacks: Sequence[Stack], threads: int, progress: Progress
) -> list[MixupNet]:
    """Train the stacks, several of a CPU's on a thread each, and return their nets."""
    if len(stacks) == 1:
        return [_train_stack(stacks[0], stacks[0].threads, progress)]
    with ThreadPoolExecutor(threads) as pool:
        try:
            futures = {
                number: pool.submit(_train_stack, stack, 1, progress)
                for number, stack in enumerate(stacks)
                if stack.recipe.device.type == "cpu"
            }
            return [
                futures[number].result()
                if number in futures
                else _train_stack(stack, stack.threads, progress)
                for number, stack in enumerate(stacks)
            ]
        except BaseException:
            progress.stop.set()
            pool.shutdown(cancel_futures=True)
            progress.stop.clear()  # others may be trained next
            raise


def _train_stack(stack: Stack, threads: int, progress: Progress) -> MixupNet:
    with torch_threads(threads), without_denormals():
        problem, runs = stack.shares[0].problem, stack.runs
        net = problem.net
        if net is None:
            standardize = Standardize.concatenate(
                [share.problem.standardize.select(share.runs) for share in stack.shares]
            )
            network = stack.recipe.architecture.build(standardize, runs)
            net = _new_net(problem, network)
        else:
            net.go_on_with(
                _training_params(stack.recipe) | {"verbose": problem.verbose},
                problem.net_params["callbacks"],
                dict(stack.recipe.optimizer_params).get("weight_decay"),
            )
            net.accompany(stack.recipe.patience, problem.bar_steps)
        minibatches = Minibatches(runs, stack.recipe.plan, net.module_.inputs)
        return net.train(minibatches, stack.owners, progress)


def _new_net(problem: Problem, network: Network) -> MixupNet:
    recipe = problem.recipe
    params = {f"optimizer__{name}": value for name, value in recipe.optimizer_params}
    params |= {"verbose": 0} | problem.net_params
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
    net.accompany(recipe.patience, problem.bar_steps)
    return net


def _training_params(recipe: Recipe) -> dict[str, Any]:
    return {
        "lr": recipe.lr,
        "lr_schedule": recipe.lr_schedule,
        "ema_halflife": recipe.ema_halflife,
        "max_epochs": recipe.plan.max_epochs,
        "batch_size": recipe.plan.batch_size,
    }


def _assemble(problem: Problem, parts: list[tuple[MixupNet, range]]) -> MixupNet:
    """Return a net of the problem's own runs, gathered from the stacks they were in."""
    first, columns = parts[0]
    if len(parts) == 1 and len(columns) == first.module_.runs:
        return first
    network = Network.concatenate(
        [net.module_.select(columns) for net, columns in parts]
    )
    joined = _new_net(problem, network)
    joined.take_training_from(parts)
    return joined
