"""Tasks that can share a program do: from tasks to stacks and trained nets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import replace
from typing import Any

from sk_mixup._networks.network import Network
from sk_mixup._networks.torch_threads import (
    one_thread,
    torch_threads,
    without_denormals,
)
from sk_mixup._training.memory import MAX_MEMORY, check_memory
from sk_mixup._training.minibatches import Minibatches
from sk_mixup._training.net import MixupNet
from sk_mixup._training.progress import Progress
from sk_mixup._training.recipe import Recipe
from sk_mixup._training.stack_plan import Stack, plan_stacks
from sk_mixup._training.task import Task
from sk_mixup._training.time_limit import TimeLimit, longest, seconds_of_stacks


def train(
    tasks: Sequence[Task],
    max_memory: int = MAX_MEMORY,
    progress: Progress | None = None,
) -> list[MixupNet]:
    """Train all tasks, stacked where they can be, and return a net for each."""
    progress = progress or Progress()
    check_memory(tasks)
    with one_thread() as threads:
        stacks = _in_time(plan_stacks(tasks, threads, max_memory), tasks, threads)
        progress.expect(
            sum(task.n_epochs for task in tasks),
            at_once=min(threads, len(stacks)),
            printed=any(task.verbose for task in tasks),
            most=longest(task.seconds_left for task in tasks),
        )
        nets = _train_stacks(stacks, threads, progress)
        found: dict[int, list[tuple[MixupNet, range]]] = defaultdict(list)
        for stack, net in zip(stacks, nets, strict=True):
            start = 0
            for number, runs in stack.parts:
                columns = range(start, start + len(runs))
                found[number].append((net, columns))
                start = columns.stop
        return [_assemble(task, found[number]) for number, task in enumerate(tasks)]


def _in_time(
    stacks: Sequence[Stack], tasks: Sequence[Task], threads: int
) -> list[Stack]:
    """Return the stacks, each with the time that it has."""
    on_gpu = any(task.recipe.device.type != "cpu" for task in tasks)
    seconds = seconds_of_stacks(
        [{number for number, _ in stack.parts} for stack in stacks],
        [task.seconds_left for task in tasks],
        1 if on_gpu else threads,
    )
    return [
        replace(stack, task=replace(stack.task, seconds_left=own))
        for stack, own in zip(stacks, seconds, strict=True)
    ]


def _train_stacks(
    stacks: Sequence[Stack], threads: int, progress: Progress
) -> list[MixupNet]:
    """Train stacks, several of a CPU's on a thread each."""
    if len(stacks) == 1:
        return [_train_stack(stacks[0], progress)]
    # Threads, not processes: they share the table, and torch computes without the GIL.
    with ThreadPoolExecutor(threads) as pool:
        try:
            futures: dict[int, Future[MixupNet]] = {
                number: pool.submit(_train_stack, stack, progress)
                for number, stack in enumerate(stacks)
                # A GPU works off one stack after the other, whatever the threads.
                if stack.task.recipe.device.type == "cpu"
            }
            nets = {
                number: _train_stack(stack, progress)
                for number, stack in enumerate(stacks)
                if number not in futures
            }
            # An error is raised at once, not after those that train before it.
            for future in as_completed(futures.values()):
                future.result()
            nets |= {number: future.result() for number, future in futures.items()}
            return [nets[number] for number in range(len(stacks))]
        # Ctrl-C included: the other threads would train on to their last epoch.
        except BaseException:
            progress.stop.set()
            for stack in stacks:
                stack.means.close()  # nobody waits for one that never began
            pool.shutdown(cancel_futures=True)
            progress.stop.clear()  # others may be trained next
            raise


def _train_stack(stack: Stack, progress: Progress) -> MixupNet:
    task, means = stack.task, stack.means
    limit = TimeLimit(task.seconds_left)
    with closing(means), torch_threads(stack.threads), without_denormals():
        net = task.net
        if net is None:
            build = task.recipe.architecture.build
            net = _new_net(task, build(task.inputs, task.runs, task.widen))
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
    networks = [net.module_.select(columns) for net, columns in parts]
    network = Network.concatenate(networks, task.widen)
    # A new net, since its optimiser must hold the joined weights.
    joined = _new_net(task, network)
    joined.take_training_from(parts)
    return joined
