"""The bytes that trainings take, known before they are taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._training import light_optimizers
from sk_mixup._training.task import Task

#: Bytes that networks in training, their optimiser states and draws may take.
#: On a CPU the cache ends stacks far below; it bounds those of a GPU and large draws.
MAX_MEMORY = 1_000_000_000
#: Networks of an estimator that stop by their mean loss: with as many as the default,
#: the rows that each holds out do not stop them by chance.
LEAST_TOGETHER = 8
#: Copies of the weights that an optimiser keeps beside them.
MOMENTS = {
    light_optimizers.Adam: 2,
    light_optimizers.AdamW: 2,
    light_optimizers.NAdam: 2,
    light_optimizers.RMSprop: 1,
}
#: Of a member's rows: a number, a class or target, and a weight.
BYTES_OF_ROW = 20
MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def bytes_of_weights(task: Task) -> int:
    """Return the bytes that an optimiser step reads and writes for one network."""
    recipe = task.recipe
    kept = 5 if recipe.ema_halflife else 4  # weights, gradients, two moments, average
    # Plus 1, since the weights of a user's module are not known and count as 0.
    return 4 * kept * _mean_weights(task) + 1


def _mean_weights(task: Task) -> int:
    """Return the mean number of weights of the networks, with bins and without."""
    architecture = task.recipe.architecture
    n_without = len(task.runs) - len(task.inputs.binned)
    spared = n_without * architecture.n_bin_weights // len(task.runs)
    return architecture.n_weights - spared


def bytes_in_training(task: Task) -> int:
    """Return the bytes of one network in training, its draws included."""
    recipe = task.recipe
    # The weights of the best epoch, and the last ones while others are validated.
    copies = bool(recipe.patience) * (1 + bool(recipe.ema_halflife))
    # Bytes: a row number and two weights of 4 each, and a number of 8 that is drawn.
    draws = 20 * recipe.plan.n_mixed * max(len(run.training) for run in task.runs)
    return bytes_of_weights(task) + 4 * copies * recipe.architecture.n_weights + draws


def runs_together(task: Task, max_memory: int, stacks_at_once: int) -> int:
    """Return how many networks of an estimator stop together, and share a stack.

    All of them if they fit. Otherwise they are split; each part stops on its own mean.
    """
    n_runs = len(task.runs)
    fits = max_memory // bytes_in_training(task)
    if n_runs <= max(fits, LEAST_TOGETHER) or task.alone:
        return n_runs
    # Parts are trained at the same time, and are of about one size.
    smallest = ceil_div(n_runs, n_runs // LEAST_TOGETHER)
    return even_part(n_runs, max(fits // stacks_at_once, smallest))


def even_part(n_runs: int, most: int) -> int:
    """Return the size of the next of the fewest parts of about one size."""
    return ceil_div(n_runs, ceil_div(n_runs, most))


def check_memory(tasks: Sequence[Task]) -> None:
    """Refuse to train networks that cannot fit, with the bytes that they would take.

    Raises
    ------
    MemoryError
        If the weights and what the optimiser keeps of them alone are too many.
    """
    if not tasks:
        return
    n_networks, n_weights, needed = 0, 0, 0
    for task in tasks:
        own, optimizer = task.recipe.architecture.n_weights, task.recipe.optimizer
        n_networks += len(task.runs)
        n_weights = max(n_weights, own)
        needed += len(task.runs) * bytes_left_behind(own, optimizer)
    _check_room(needed, tasks[0].recipe.device, n_networks, n_weights)


def check_members(
    n_networks: int, n_weights: int, n_rows: int, optimizer: Any, device: torch.device
) -> None:
    """Refuse an ensemble that cannot fit before each member is prepared.

    Parameters
    ----------
    n_networks, n_weights : int
        Networks, and the least weights of each.
    n_rows : int
        Whose numbers, targets and weights each network keeps; 0 if it has all rows.
    optimizer : type
        The class of the optimiser.
    device : torch.device
        Where the networks are.
    """
    each = bytes_left_behind(n_weights, optimizer) + BYTES_OF_ROW * n_rows
    _check_room(n_networks * each, device, n_networks, n_weights)


def bytes_left_behind(n_weights: int, optimizer: Any) -> int:
    """Return the bytes of one trained network with what its optimiser keeps."""
    size = torch.finfo(torch.get_default_dtype()).bits // 8
    return size * n_weights * (1 + MOMENTS.get(optimizer, 0))


def _check_room(
    needed: int, device: torch.device, n_networks: int, n_weights: int
) -> None:
    # So little fits, or leads to the error of the allocator.
    left = available_bytes(device) if needed > MAX_MEMORY else None
    if left is None or needed <= left:
        return
    where = "the GPU" if device.type == "cuda" else "this machine"
    raise MemoryError(
        f"{n_networks:,} networks of up to {n_weights:,} weights need at least "
        f"{needed:,} bytes, but {where} has {left:,} left; fewer or narrower networks "
        "(n_estimators, hidden_layer_sizes), fewer columns or fewer classes need less."
    )


def available_bytes(device: torch.device) -> int | None:
    """Return the bytes that are left on a device, None if that is not known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    known = [own for own in (_of_machine(), _of_container()) if own is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    """Return what Linux says is available, None elsewhere."""
    try:
        lines = MEMINFO.read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0]) if found else None


def _of_container() -> int | None:
    """Return what the limit of a container leaves, None if there is none."""
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = int((CGROUP / "memory.current").read_text())
        figures = dict(
            line.split() for line in (CGROUP / "memory.stat").read_text().splitlines()
        )
    except (OSError, ValueError):
        return None
    if limit == "max":
        return None
    # Files that were read, which the kernel lets go where memory is short.
    return int(limit) - used + int(figures.get("inactive_file", 0))
