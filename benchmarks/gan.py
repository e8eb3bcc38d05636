"""The GAN of Figure 5 (arXiv 1710.09412, section 3.7), on 2-D toy sets.

A generator g turns Gaussian noise z into rows, a discriminator d tells them from real
rows x, and both play for one value::

    max_g min_d  E l(d(lam * x + (1 - lam) * g(z)), lam),   lam ~ Beta(alpha, alpha)

with l the binary cross-entropy. The plain GAN is the limit alpha -> 0, where lam is 0
or 1 with probability 1/2 each. That expectation over lam is taken exactly: d sees the
minibatch of real rows with the label 1 and the minibatch of generated rows with the
label 0, and the loss is the mean over both.
"""

# NOTE[DIFF]: by the formula the generator climbs the mixed loss. By default it climbs
# the plain one here, as in the first author's program (github.com/hongyi-zhang/mixup,
# folder gan): l grows on both sides of a lam inside (0, 1), so mixing pays a generator
# for leaving the data, and on the ring the paper's networks did so within hundreds of
# iterations. `generator_alpha=alpha` is the formula to the letter. That program also
# mixes any two rows, real or generated, by weights uniform on (0, alpha); this follows
# the formula.

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

Points = list[list[float]]
_EVALUATION_SEED: Final = 1710_09412


def _noise(n: int, rng: Generator) -> Tensor:
    return torch.randn(n, 2, generator=rng, device=rng.device)


@dataclass(frozen=True)
class GaussianMixture:
    """A toy set: equally likely round Gaussians in the plane."""

    centers: tuple[tuple[float, float], ...]
    std: float = 0.01

    def sample(self, n: int, rng: Generator) -> Tensor:
        """Draw `n` rows, on the generator's device."""
        centers = torch.tensor(self.centers, device=rng.device)
        chosen = torch.randint(len(centers), (n,), generator=rng, device=rng.device)
        return centers[chosen] + self.std * _noise(n, rng)


def _ring(n: int) -> tuple[tuple[float, float], ...]:
    turns = [2 * math.pi * i / n for i in range(n)]
    return tuple((math.sin(turn), math.cos(turn)) for turn in turns)


def _grid(n: int) -> tuple[tuple[float, float], ...]:
    ticks = torch.linspace(-1, 1, n).tolist()
    return tuple((x, y) for x in ticks for y in ticks)


#: The paper does not describe its two sets; these are those of the authors' program.
TOY_SETS: Final[Mapping[str, GaussianMixture]] = {
    "ring": GaussianMixture(_ring(8)),
    "grid": GaussianMixture(_grid(5)),
}


@dataclass(frozen=True)
class GanSettings:
    """One run of the experiment; the defaults are the paper's schedule.

    A ValueError says why a run of these settings would make no sense.
    """

    #: Of the Beta distribution of the mixing weights; 0 is the plain GAN.
    alpha: float = 0.2
    #: The same for what the discriminator sees in the generator's step; `alpha` is the
    #: paper's formula.
    generator_alpha: float = 0.0
    toy_set: str = "ring"
    #: Generator steps. The paper's 20,000 minibatches could also be all of the
    #: discriminator's, that is 4,000 iterations; the authors' program has 20,000.
    iterations: int = 20_000
    batch_size: int = 128  # real rows, and generated rows, of a step
    discriminator_steps: int = 5  # before each generator step
    hidden: tuple[int, ...] = (512, 512, 512)  # of both networks
    #: After which iterations the generated rows are kept.
    snapshots: tuple[int, ...] = (10, 100, 1_000, 10_000, 20_000)
    snapshot_size: int = 512
    #: Generated and real rows that the distance is measured between.
    evaluation_size: int = 2_000
    #: Of the initial weights and of everything drawn in training.
    seed: int = 0

    def __post_init__(self) -> None:
        if self.toy_set not in TOY_SETS:
            raise ValueError(f"toy_set must be in {list(TOY_SETS)}: {self.toy_set!r}")
        if not all(0 <= a < math.inf for a in (self.alpha, self.generator_alpha)):
            raise ValueError("the alphas must be finite and not negative")
        if not all(1 <= step <= self.iterations for step in self.snapshots):
            raise ValueError(f"snapshots must be in 1..{self.iterations}")
        if self.snapshot_size > self.evaluation_size:
            raise ValueError("snapshot_size must not be above evaluation_size")

    def quick(self) -> GanSettings:
        """Return the same run with small networks and few iterations, for tests."""
        return replace(
            self,
            iterations=100,
            batch_size=32,
            hidden=(32, 32, 32),
            snapshots=(10, 100),
            snapshot_size=64,
            evaluation_size=256,
        )

    def evaluations(self) -> list[int]:
        """List the iterations after which the distance is measured.

        Ten a decade for the start, 40 evenly spaced ones for the end, the snapshots.
        """
        decades = range(1 + int(10 * math.log10(self.iterations)))
        early = {round(10 ** (i / 10)) for i in decades}
        late = {math.ceil(self.iterations * i / 40) for i in range(1, 41)}
        return sorted(early | late | set(self.snapshots))


def train_gan(
    settings: GanSettings, device: torch.device | str = "cpu"
) -> dict[str, Any]:
    """Train a GAN and follow how close its samples come to the data.

    Another device draws other numbers.

    Returns
    -------
    dict
        Plain numbers and lists, which JSON gives back as they were: ``distance`` and
        ``least_distance``, the last and the least of ``curve``, which holds the
        `energy_distance` of generated to real rows by ``iteration`` (the noise and the
        real rows are the same in all runs on a toy set); ``floor``, the distance of as
        many other real rows, what a perfect generator scores; ``iterations``;
        ``snapshots``, the iterations and the rows that were generated after each, from
        the same noise each time; ``real``, as many real rows.

    Raises
    ------
    FloatingPointError
        If training diverged until the samples were no longer finite.

    Notes
    -----
    Products of small matrices take the time: several processes with one torch thread
    each use the cores better than one with many.
    """
    toy_set = TOY_SETS[settings.toy_set]
    gan = Gan(settings, torch.Generator(device).manual_seed(settings.seed))
    # One seed for all: every run is judged on the same noise, against the same rows.
    rng = torch.Generator(device).manual_seed(_EVALUATION_SEED)
    n = settings.evaluation_size
    noise, real, others = _noise(n, rng), toy_set.sample(n, rng), toy_set.sample(n, rng)
    distances, snapshots = {}, {}
    evaluations = set(settings.evaluations())
    for iteration in range(1, settings.iterations + 1):
        gan.iterate()
        if iteration not in evaluations:
            continue
        with torch.no_grad():
            generated = gan.generator(noise)
        if not generated.isfinite().all():
            raise FloatingPointError(f"no finite samples at iteration {iteration}")
        distances[iteration] = energy_distance(generated, real)
        if iteration in settings.snapshots:
            snapshots[iteration] = _points(generated[: settings.snapshot_size])
    return {
        "distance": distances[settings.iterations],
        "least_distance": min(distances.values()),
        "floor": energy_distance(others, real),
        "iterations": settings.iterations,
        "curve": {"iteration": list(distances), "distance": list(distances.values())},
        "snapshots": [list(snapshots), list(snapshots.values())],
        "real": _points(real[: settings.snapshot_size]),
    }


class Gan:
    """Generator and discriminator, each with its optimizer (Adam's defaults).

    The generator of random numbers is the source of all randomness, and the networks
    are on its device. The discriminator returns logits.
    """

    def __init__(self, settings: GanSettings, rng: Generator) -> None:
        self.settings, self.rng = settings, rng
        self.toy_set = TOY_SETS[settings.toy_set]
        self.generator = perceptron((2, *settings.hidden, 2), rng)
        self.discriminator = perceptron((2, *settings.hidden, 1), rng)
        self._generator_adam = _adam(self.generator)
        self._discriminator_adam = _adam(self.discriminator)

    def iterate(self) -> None:
        """Train the discriminator for its steps, then the generator for one."""
        for _ in range(self.settings.discriminator_steps):
            self.discriminator_step()
        self.generator_step()

    def discriminator_step(self) -> None:
        """Draw a minibatch and take a step down the loss."""
        with torch.no_grad():
            generated = self.generate()
        loss = self.loss(generated, self.settings.alpha)
        _step(self._discriminator_adam, loss)

    def generator_step(self) -> None:
        """Draw a minibatch and take a step up the loss."""
        loss = self.loss(self.generate(), self.settings.generator_alpha)
        _step(self._generator_adam, -loss)

    def generate(self) -> Tensor:
        """Turn a minibatch of noise into rows."""
        rows: Tensor = self.generator(_noise(self.settings.batch_size, self.rng))
        return rows

    def loss(self, generated: Tensor, alpha: float) -> Tensor:
        """Judge mixtures of generated and new real rows: the value of the game."""
        real = self.toy_set.sample(len(generated), self.rng)
        rows, lam = mix(real, generated, alpha, self.rng)
        return F.binary_cross_entropy_with_logits(self.discriminator(rows), lam)


def mix(
    real: Tensor, generated: Tensor, alpha: float, rng: Generator
) -> tuple[Tensor, Tensor]:
    """Mix real with generated rows, each pair by its own weight.

    An alpha of 0 returns the rows as they are, the real ones (weight 1) before the
    generated ones (weight 0).

    Returns
    -------
    rows : torch.Tensor of shape (n, 2), for an alpha of 0 (2 * n, 2)
        What the discriminator sees.
    lam : torch.Tensor of shape (n, 1), for an alpha of 0 (2 * n, 1)
        What it should say: the share of the real row.
    """
    if alpha == 0:
        ones = real.new_ones(len(real), 1)
        return torch.cat([real, generated]), torch.cat([ones, torch.zeros_like(ones)])
    lam = symmetric_beta(alpha, len(real), rng).to(real.dtype)[:, None]
    return torch.lerp(generated, real, lam), lam


def symmetric_beta(alpha: float, n: int, rng: Generator) -> Tensor:
    """Draw `n` float64 weights from Beta(alpha, alpha), alpha > 0.

    `torch.distributions` knows the global generator only. Here b ~ Beta(alpha + 1,
    alpha + 1) comes from Ulrich's formula (1984, for parameters above 1/2), and powers
    1 / alpha of two uniforms take both of its Gamma variables from alpha + 1 to alpha.
    """
    u, v, w1, w2 = torch.rand(
        4, n, generator=rng, device=rng.device, dtype=torch.float64
    )
    radius = torch.sqrt(1 - u ** (2 / (2 * alpha + 1)))
    b = (1 + radius * torch.cos(2 * math.pi * v)) / 2
    return torch.sigmoid(torch.logit(b) + (w1.log() - w2.log()) / alpha)


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Measure the energy distance between two samples.

    ``sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|)`` with X and X' drawn from the rows of
    `x`, Y and Y' from those of `y`: `scipy.stats.energy_distance` in any dimension.

    It is 0 if and only if both have the same rows, each as often in proportion.
    """
    x, y = x.double(), y.double()
    squared = 2 * _mean_gap(x, y) - _mean_gap(x, x) - _mean_gap(y, y)
    # Rounding may leave it a little below 0.
    return float(squared.clamp(min=0).sqrt())


def perceptron(sizes: tuple[int, ...], rng: Generator) -> nn.Sequential:
    """Make a ReLU network of these widths, initialised as `torch.nn.Linear` does."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        # An ordinary nn.Linear would draw from the global generator.
        linear = nn.utils.skip_init(nn.Linear, n_in, n_out, device=rng.device)
        for parameter in linear.parameters():
            nn.init.uniform_(parameter, -(n_in**-0.5), n_in**-0.5, generator=rng)
        layers += [linear, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def _adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), fused=True)


def _step(adam: torch.optim.Adam, loss: Tensor) -> None:
    """Take a step down the loss; no other network's gradients are computed."""
    adam.zero_grad()
    loss.backward(inputs=adam.param_groups[0]["params"])
    adam.step()


def _mean_gap(x: Tensor, y: Tensor) -> Tensor:
    """Average the Euclidean distance over all pairs of a row of `x` and one of `y`."""
    # The default may take differences of squares, which round to more than 0.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").mean()


def _points(rows: Tensor) -> Points:
    points: Points = rows.double().round(decimals=3).tolist()
    return points
