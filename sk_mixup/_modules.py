"""Networks with a run axis: many networks of one architecture as one module."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import skip_init

from sk_mixup._losses import Loss


@dataclass(frozen=True)
class Mixture:
    """How the copies of a row are mixed inside the network.

    ``weights`` is ``(runs, rows, examples)``; ``layer`` is the number of hidden layers
    before the mix, or the name of a submodule of a user's module.
    """

    weights: Tensor
    layer: int | str

    def __call__(self, hidden: Tensor) -> Tensor:
        """Mix ``(runs, rows * examples, ...)`` to ``(runs, rows, ...)``."""
        runs, rows, examples = self.weights.shape
        split = hidden.reshape(runs, rows, examples, -1)
        mixed = (split * self.weights.unsqueeze(-1)).sum(2)
        return mixed.reshape(runs, rows, *hidden.shape[2:])

    def spread(self, gradient: Tensor) -> Tensor:
        """Carry a gradient back to ``(runs, rows * examples, n)``."""
        runs, rows, examples = self.weights.shape
        spread = gradient.unsqueeze(2) * self.weights.unsqueeze(-1)
        return spread.reshape(runs, rows * examples, -1)


@dataclass(frozen=True)
class Batch:
    """One minibatch of every run, ready for the step."""

    inputs: Tensor
    targets: Tensor
    mass: Tensor
    mixture: Mixture | None = None
    dropout: tuple[Tensor, ...] = ()


Step = Callable[[Batch], Tensor]


class StackedLinear:
    """A linear map per run on weights that live elsewhere.

    Shape
    -----
    - weight: ``(runs, in, out)``, bias: ``(runs, 1, out)``
    - input: ``(runs, rows, in)``
    - output: ``(runs, rows, out)``

    Examples
    --------
    >>> import torch
    >>> layer = StackedLinear(torch.zeros(3, 5, 2), torch.ones(3, 1, 2))
    >>> layer(torch.randn(3, 7, 5)).shape
    torch.Size([3, 7, 2])
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias
        self.weight_t = weight.transpose(1, 2)

    def __call__(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)

    def accumulate(self, x: Tensor, gradient: Tensor, into: StackedLinear) -> None:
        """Write the gradients of weight and bias ``into`` a layer of their shapes."""
        torch.bmm(x.transpose(1, 2), gradient, out=into.weight)
        torch.sum(gradient, 1, keepdim=True, out=into.bias)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient in the input."""
        return torch.bmm(gradient, self.weight_t)


class StackedMLP(nn.Module):
    """Multi-layer perceptrons with ReLU units, one per run.

    All weights of a run are one row of ``theta``, so that an optimiser step is one
    operation, and keeping or restoring a run is one copy.

    Parameters
    ----------
    runs : int
        Number of networks.
    sizes : sequence of int
        Inputs, hidden units of each layer, outputs.

    Shape
    -----
    - input: ``(runs, rows, sizes[0])`` or ``(1, rows, sizes[0])`` for all runs alike
    - output: ``(runs, rows, sizes[-1])``

    Examples
    --------
    >>> import torch
    >>> StackedMLP(3, [4, 128, 128, 2])(torch.randn(3, 10, 4)).shape
    torch.Size([3, 10, 2])
    """

    def __init__(self, runs: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        n_weights = sum((i + 1) * o for i, o in _pairs(self.sizes))
        self.theta = nn.Parameter(torch.zeros(runs, n_weights))

    @property
    def runs(self) -> int:
        return len(self.theta)

    def layers(self, theta: Tensor) -> list[StackedLinear]:
        """Return the layers as views of ``theta``, ``(runs, n_weights)``."""
        layers, start = [], 0
        for n_in, n_out in _pairs(self.sizes):
            middle, end = start + n_in * n_out, start + (n_in + 1) * n_out
            weight = theta[:, start:middle].view(-1, n_in, n_out)
            layers.append(StackedLinear(weight, theta[:, middle:end].unsqueeze(1)))
            start = end
        return layers

    def initialize(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw each run's weights from its own generator, as ``nn.Linear`` does."""
        with torch.no_grad():
            for run, generator in enumerate(generators):
                self.theta[run] = torch.from_numpy(self._initial(generator))

    def _initial(self, generator: np.random.Generator) -> NDArray[np.float32]:
        parts = []
        for n_in, n_out in _pairs(self.sizes):
            uniform = generator.random((n_in + 1) * n_out, dtype=np.float32)
            parts.append((2 * uniform - 1) / np.float32(np.sqrt(n_in)))
        return np.concatenate(parts)

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers(self.theta)
        x = x.expand(self.runs, -1, -1)
        for layer in hidden:
            x = layer(x).relu()
        return last(x)

    def training_step(
        self, loss: Loss, generators: Sequence[np.random.Generator]
    ) -> Step:
        """Return the function that turns a batch into outputs and gradients."""
        self.theta.grad = torch.zeros_like(self.theta)
        return MLPStep(
            self.layers(self.theta.detach()), self.layers(self.theta.grad), loss
        )

    def select(self, runs: Sequence[int]) -> StackedMLP:
        """Return a module of the given runs alone."""
        selected = StackedMLP(0, self.sizes)
        # A list as an index would start threads to copy a few rows.
        rows = torch.stack([self.theta.detach()[run] for run in runs])
        selected.theta = nn.Parameter(rows)
        return selected

    @staticmethod
    def concatenate(modules: Sequence[StackedMLP]) -> StackedMLP:
        """Return one module of all runs of ``modules``."""
        joined = StackedMLP(0, modules[0].sizes)
        joined.theta = nn.Parameter(torch.cat([m.theta.detach() for m in modules]))
        return joined

    def keep(self, runs: Tensor, best: dict[str, Tensor]) -> None:
        """Copy the weights of ``runs``, a boolean mask, into the snapshot ``best``."""
        theta = self.theta.detach()
        best.setdefault("theta", theta.clone())[runs] = theta[runs]

    def restore(self, best: dict[str, Tensor]) -> None:
        """Take the weights of a snapshot."""
        with torch.no_grad():
            self.theta.copy_(best["theta"])

    def member(self, run: int) -> nn.Sequential:
        """Return one run as plain torch layers."""
        parts: list[nn.Module] = []
        for layer in self.layers(self.theta.detach()):
            # Not nn.Linear itself, which would draw from the global generator.
            linear = skip_init(nn.Linear, *layer.weight.shape[1:])
            linear.weight.data = layer.weight_t[run].clone(
                memory_format=torch.contiguous_format
            )
            linear.bias.data = layer.bias[run, 0].clone()
            parts += [linear, nn.ReLU()]
        return nn.Sequential(*parts[:-1])


def _pairs(sizes: Sequence[int]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(sizes))


class MLPStep:
    """Forward and backward pass of a :class:`StackedMLP`, the gradient by hand.

    Autograd took half as long again for small networks, and its graph is not needed:
    the chain of layers is known.
    """

    def __init__(
        self, layers: list[StackedLinear], gradients: list[StackedLinear], loss: Loss
    ) -> None:
        self.layers, self.gradients, self.loss = layers, gradients, loss

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        inputs, outputs = self._forward(batch)
        gradient = self.loss.gradient(outputs, batch.targets, batch.mass)
        self._backward(inputs, gradient, batch)
        return outputs

    def _forward(self, batch: Batch) -> tuple[list[Tensor], Tensor]:
        """Return what entered each layer, before any mixing, and the outputs."""
        entered, x = [], batch.inputs
        last = len(self.layers) - 1
        for depth, layer in enumerate(self.layers):
            entered.append(x)
            if batch.mixture is not None and batch.mixture.layer == depth:
                x = batch.mixture(x)
            x = layer(x)
            if depth < last:
                x.relu_()
                if batch.dropout:
                    x.mul_(batch.dropout[depth][:, : x.shape[1]])
        return entered, x

    def _backward(self, entered: list[Tensor], gradient: Tensor, batch: Batch) -> None:
        for depth in reversed(range(len(self.layers))):
            layer, x = self.layers[depth], entered[depth]
            mixture = batch.mixture
            if mixture is not None and mixture.layer != depth:
                mixture = None
            used = x if mixture is None else mixture(x)
            layer.accumulate(used, gradient, self.gradients[depth])
            if depth:
                gradient = layer.backward(gradient)
                if mixture is not None:
                    gradient = mixture.spread(gradient)
                if batch.dropout:
                    gradient.mul_(batch.dropout[depth - 1][:, : x.shape[1]])
                # The sign is 0 or 1 after a ReLU, and far faster than a mask.
                gradient.mul_(x.sign())


class StackedCopies(nn.Module):
    """Independent copies of a user's torch module, one per run, applied in a loop.

    Parameters
    ----------
    members : sequence of torch.nn.Module
        Each maps ``(rows, *features)`` to ``(rows, outputs)``.

    Shape
    -----
    - input: ``(runs, rows, *features)`` or ``(1, rows, *features)`` for all runs alike
    - output: ``(runs, rows, outputs)``

    Examples
    --------
    >>> import torch
    >>> copies = StackedCopies([torch.nn.Linear(4, 2) for _ in range(3)])
    >>> copies(torch.randn(3, 10, 4)).shape
    torch.Size([3, 10, 2])
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def runs(self) -> int:
        return len(self.members)

    def forward(self, x: Tensor) -> Tensor:
        x = x.expand(self.runs, *x.shape[1:])
        return torch.stack([member(x[r]) for r, member in enumerate(self.members)])

    def training_step(
        self, loss: Loss, generators: Sequence[np.random.Generator]
    ) -> Step:
        """Return the function that turns a batch into outputs and gradients."""
        return CopiesStep(self, loss, generators)

    def select(self, runs: Sequence[int]) -> StackedCopies:
        """Return a module of the given runs alone."""
        return StackedCopies([copy.deepcopy(self.members[run]) for run in runs])

    @staticmethod
    def concatenate(modules: Sequence[StackedCopies]) -> StackedCopies:
        """Return one module of all runs of ``modules``."""
        return StackedCopies([member for m in modules for member in m.members])

    def keep(self, runs: Tensor, best: dict[str, Tensor]) -> None:
        """Copy the state of ``runs``, a boolean mask, into the snapshot ``best``."""
        for name, value in self.members.state_dict().items():
            if name not in best or runs[int(name.split(".")[0])]:
                best[name] = value.clone()

    def restore(self, best: dict[str, Tensor]) -> None:
        """Take the state of a snapshot."""
        self.members.load_state_dict(best)

    def member(self, run: int) -> nn.Module:
        """Return a copy of one run's module."""
        return copy.deepcopy(self.members[run])


class CopiesStep:
    """Forward and backward pass of a :class:`StackedCopies`, by autograd.

    What is random inside a member (its dropout, say) is drawn from its own stream, so
    a run never depends on its neighbours and the global generators stay as they are.
    """

    def __init__(
        self,
        module: StackedCopies,
        loss: Loss,
        generators: Sequence[np.random.Generator],
    ) -> None:
        self.module, self.loss, self.generators = module, loss, generators

    def __call__(self, batch: Batch) -> Tensor:
        self.module.zero_grad(set_to_none=True)
        with torch.enable_grad():
            outputs = torch.stack(
                [self._forward(run, batch) for run in range(self.module.runs)]
            )
            self.loss(outputs, batch.targets, batch.mass).sum().backward()
        return outputs.detach()

    def _forward(self, run: int, batch: Batch) -> Tensor:
        member = self.module.members[run]
        x = batch.inputs[run]
        seed = int(self.generators[run].integers(2**63))
        one_row = batch.targets.shape[1] == 1
        norms = _running_statistics(member) if one_row else nullcontext()
        with seeded(seed, x.device), _mixing(member, run, batch.mixture), norms:
            if batch.mixture is not None and batch.mixture.layer == 0:
                x = _mix_run(batch.mixture, run, x)
            return member(x)


@contextmanager
def _running_statistics(member: nn.Module) -> Iterator[None]:
    """Let batch norms use their running statistics: one row has no variance."""
    norms = [part for part in member.modules() if isinstance(part, _BatchNorm)]
    norms = [norm for norm in norms if norm.training]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


@contextmanager
def _mixing(member: nn.Module, run: int, mixture: Mixture | None) -> Iterator[None]:
    """Mix the output of the submodule that the mixture names, while inside."""
    if mixture is None or not isinstance(mixture.layer, str):
        yield
        return
    hook = member.get_submodule(mixture.layer).register_forward_hook(
        lambda module, inputs, output: _mix_run(mixture, run, output)
    )
    try:
        yield
    finally:
        hook.remove()


def _mix_run(mixture: Mixture, run: int, hidden: Tensor) -> Tensor:
    return Mixture(mixture.weights[run, None], mixture.layer)(hidden[None])[0]


_global_generators = RLock()  # stacks are trained on several threads


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators for a while and put them back as they were."""
    cuda = [device] if device.type == "cuda" else []
    with _global_generators, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for _ in cuda:
            torch.cuda.manual_seed(seed)
        yield


Body = StackedMLP | StackedCopies


LARGEST_RATIO = 1e18  # whose square is a number in single precision


class Standardize(nn.Module):
    """Centre and scale each feature, with each run's own figures.

    With ``clip`` the result is kept within (-clip, clip), smoothly, and hardly changed
    near 0 (as in RealMLP, arXiv 2407.04491, section 3.1). With ``idle`` the input is
    left as it is.

    Shape
    -----
    - shift, scale: ``(runs, 1, *features)``
    - input: ``(..., runs or 1, rows, *features)``
    - output: ``(..., runs, rows, *features)``
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        shift: Tensor,
        scale: Tensor,
        clip: float | None = None,
        *,
        idle: bool = False,
    ) -> None:
        super().__init__()
        self.idle = idle
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)
        self.clip = clip

    def forward(self, x: Tensor) -> Tensor:
        if self.idle:
            return x
        z = (x - self.shift) / self.scale
        if self.clip is None:
            return z
        # Exactly rounded operations only: a row's figures do not depend on its place.
        u = (z / self.clip).clamp_(-LARGEST_RATIO, LARGEST_RATIO)
        return u / (1 + u.square()).sqrt_() * self.clip

    def select(self, runs: Sequence[int]) -> Standardize:
        """Return the figures of the given runs alone."""
        chosen = list(runs)
        return Standardize(
            self.shift[chosen], self.scale[chosen], self.clip, idle=self.idle
        )

    @staticmethod
    def concatenate(parts: Sequence[Standardize]) -> Standardize:
        """Return the figures of all runs of ``parts``."""
        return Standardize(
            torch.cat([part.shift for part in parts]),
            torch.cat([part.scale for part in parts]),
            parts[0].clip,
            idle=parts[0].idle,
        )


class Rescale(nn.Module):
    """Turn standardised targets into targets.

    Shape
    -----
    - mean, scale: ``(outputs,)``
    - input and output: ``(..., outputs)``
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        self.register_buffer("mean", torch.as_tensor(mean, dtype=dtype))
        self.register_buffer("scale", torch.as_tensor(scale, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.mean


class Temperature(nn.Module):
    """Divide the outputs by a number: above 1 the predictions become softer."""

    temperature: Tensor

    def __init__(self, temperature: float) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        self.register_buffer("temperature", torch.tensor(temperature, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return x / self.temperature


class Network(nn.Module):
    """Standardisation and body: what :class:`MixupNet` trains.

    ``temperature`` divides the outputs; it is 1 while the network is trained.

    Shape
    -----
    - input: ``(runs or 1, rows, *features)``
    - output: ``(runs, rows, outputs)``
    """

    def __init__(self, inputs: Standardize, body: Body) -> None:
        super().__init__()
        self.inputs = inputs
        self.body = body
        self.temperature = 1.0

    @property
    def runs(self) -> int:
        return self.body.runs

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.body(self.inputs(x))
        return outputs if self.temperature == 1 else outputs / self.temperature

    def select(self, runs: Sequence[int]) -> Network:
        """Return a network of the given runs alone."""
        return Network(self.inputs.select(runs), self.body.select(runs))

    @staticmethod
    def concatenate(networks: Sequence[Network]) -> Network:
        """Return one network of all runs of ``networks``."""
        inputs = Standardize.concatenate([n.inputs for n in networks])
        bodies: list[Any] = [n.body for n in networks]
        body = bodies[0].concatenate(bodies)
        return Network(inputs, body)


class Predictor(nn.Module):
    """An ensemble as plain torch layers, from rows to averaged predictions.

    Parameters
    ----------
    network : Network
        Whose runs become ``members``.
    links : sequence of torch.nn.Module
        Applied in turn to each member's outputs; the results are averaged.

    Shape
    -----
    - input: ``(rows, *features)``
    - output: ``(rows, outputs)``
    """

    def __init__(self, network: Network, links: Sequence[nn.Module]) -> None:
        super().__init__()
        shift, scale = network.inputs.shift, network.inputs.scale
        self.members = nn.ModuleList(
            nn.Sequential(
                # Copies, because torch.export.save warns of parts of larger tensors.
                Standardize(
                    shift[run].clone(),
                    scale[run].clone(),
                    network.inputs.clip,
                    idle=network.inputs.idle,
                ),
                network.body.member(run),
                Temperature(network.temperature),
                *links,
            )
            for run in range(network.runs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([member(x) for member in self.members]).mean(0)
