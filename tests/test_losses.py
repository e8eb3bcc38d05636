"""The losses against torch's own, their gradients against autograd."""

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
)
from torch.nn import functional as F

from sk_mixup._networks.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    GammaDeviance,
    HuberLoss,
    PinballLoss,
    PoissonDeviance,
    SoftCrossEntropy,
    SquaredError,
)

LOSSES = [
    SoftCrossEntropy,
    BinaryCrossEntropy,
    SquaredError,
    AbsoluteError,
    HuberLoss,
    partial(PinballLoss, (0.2,)),
    PoissonDeviance,
    GammaDeviance,
]
PROPER = [
    SoftCrossEntropy,
    BinaryCrossEntropy,
    SquaredError,
    PoissonDeviance,
    GammaDeviance,
]
QUANTILES = 0.1, 0.5, 0.8


@pytest.fixture
def draw(generator):
    """Draw outputs, soft targets (2 runs, 5 rows, 3 outputs) and weight, in float64."""

    def make(*leading):
        shape = (*leading, 2, 5, 3)
        outputs, targets = (
            torch.randn(shape, generator=generator, dtype=torch.float64) * 2
            for _ in range(2)
        )
        weight = torch.rand(
            (*leading, 2, 5, 1), generator=generator, dtype=torch.float64
        )
        return outputs, targets.softmax(-1), weight / weight.sum(-2, keepdim=True)

    return make


def even(rows):
    """Return the weight of rows that weigh alike."""
    return torch.full((1, rows, 1), 1 / rows, dtype=torch.float64)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_equals_autograd(loss, draw):
    outputs, targets, weight = draw()
    outputs.requires_grad_()
    loss()(outputs, targets, weight).sum().backward()
    by_hand = loss().gradient(outputs.detach(), targets, weight)
    torch.testing.assert_close(by_hand, outputs.grad)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_leaves_its_arguments_alone(loss, draw):
    arguments = draw()
    before = [argument.clone() for argument in arguments]
    loss().gradient(*arguments)
    for argument, copy in zip(arguments, before, strict=True):
        assert torch.equal(argument, copy)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("leading", [(), (4,)])
def test_loss_is_the_weighted_mean_of_each_run(loss, leading, draw):
    outputs, targets, weight = draw(*leading)
    result = loss()(outputs, targets, weight)
    rows = loss().per_row(outputs, targets)
    assert result.shape == (*leading, 2)
    torch.testing.assert_close(result, torch.einsum("...n,...n", rows, weight[..., 0]))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_double_weight_equals_a_repeated_row(loss, draw):
    outputs, targets, _ = draw()
    twice = [0, 0, 1, 2, 3, 4]
    weight = torch.tensor([2, 1, 1, 1, 1], dtype=torch.float64).view(1, 5, 1) / 6
    torch.testing.assert_close(
        loss()(outputs, targets, weight),
        loss()(outputs[:, twice], targets[:, twice], even(6)),
    )


@pytest.mark.parametrize("loss", PROPER)
def test_gradient_vanishes_where_the_prediction_is_the_target(loss, draw):
    outputs, _, weight = draw()
    targets = loss().link()(outputs)
    gradient = loss().gradient(outputs, targets, weight)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (SoftCrossEntropy, F.cross_entropy),
        (BinaryCrossEntropy, lambda o, t: 3 * F.binary_cross_entropy_with_logits(o, t)),
        (SquaredError, lambda o, t: F.mse_loss(o, t) / 2),
        (AbsoluteError, F.l1_loss),
        (HuberLoss, F.smooth_l1_loss),
    ],
)
def test_even_weight_equals_torch(loss, reference, draw):
    outputs, targets, _ = draw()
    for run, result in enumerate(loss()(outputs, targets, even(5))):
        torch.testing.assert_close(result, reference(outputs[run], targets[run]))


@pytest.mark.parametrize("loss", [SoftCrossEntropy, BinaryCrossEntropy])
@given(lam=st.floats(0, 1))
def test_loss_on_a_mixed_label_is_the_mixed_loss(loss, lam):
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(1, 6, 3, generator=generator, dtype=torch.float64) * 3
    labels = torch.arange(6) % 3
    one, other = (
        F.one_hot(y, 3).to(torch.float64)[None] for y in (labels, labels.flip(0))
    )
    mixed = loss()(outputs, lam * one + (1 - lam) * other, even(6))
    apart = [loss()(outputs, target, even(6)) for target in (one, other)]
    torch.testing.assert_close(mixed, lam * apart[0] + (1 - lam) * apart[1])


def test_mixed_cross_entropy_equals_torch_on_both_labels(generator):
    outputs = torch.randn(1, 6, 3, generator=generator)
    y, other, lam = torch.arange(6) % 3, torch.arange(6).flip(0) % 3, 0.3
    targets = lam * F.one_hot(y, 3) + (1 - lam) * F.one_hot(other, 3)
    expected = lam * F.cross_entropy(outputs[0], y)
    expected += (1 - lam) * F.cross_entropy(outputs[0], other)
    result = SoftCrossEntropy()(outputs, targets[None], even(6).float())
    torch.testing.assert_close(result[0], expected)


@given(lam=st.floats(0, 1), one=st.floats(-3, 3), other=st.floats(-3, 3))
def test_squared_error_of_a_mixed_target_misses_its_variance(lam, one, other):
    """E|o - y|^2 = |o - E y|^2 + Var y: the same gradient, another constant."""
    output, y, z = (torch.full((1, 1, 1), v).double() for v in (0.7, one, other))
    loss, weight = SquaredError(), even(1)
    mixed = loss(output, lam * y + (1 - lam) * z, weight)
    apart = lam * loss(output, y, weight) + (1 - lam) * loss(output, z, weight)
    variance = lam * (1 - lam) * (y - z).square()[0, 0] / 2
    torch.testing.assert_close(mixed + variance, apart)


@pytest.mark.parametrize("loss", [SoftCrossEntropy, BinaryCrossEntropy])
def test_large_outputs_stay_finite(loss):
    outputs = torch.tensor([[[1e4, -1e4, 0.0]]])
    targets = torch.tensor([[[0.0, 1.0, 0.0]]])
    weight = torch.ones(1, 1, 1)
    assert loss()(outputs, targets, weight).isfinite().all()
    assert loss().gradient(outputs, targets, weight).isfinite().all()


def test_huber_is_squared_near_and_absolute_far():
    near, far, zero = (torch.full((1, 1, 1), v) for v in (0.5, 7.0, 0.0))
    huber, weight = HuberLoss(), torch.ones(1, 1, 1)
    assert huber(near, zero, weight) == SquaredError()(near, zero, weight)
    assert huber(far, zero, weight) == AbsoluteError()(far, zero, weight) - 0.5


# Quantiles and deviances.


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (PoissonDeviance, mean_poisson_deviance),
        (GammaDeviance, mean_gamma_deviance),
    ],
)
def test_deviances_are_half_of_scikit_learns(loss, reference, draw):
    outputs, targets, _ = draw()
    for run, result in enumerate(loss()(outputs, targets, even(5))):
        expected = reference(targets[run].ravel(), outputs[run].exp().ravel()) / 2
        torch.testing.assert_close(result.item(), expected)


def test_the_poisson_deviance_takes_counts_of_0():
    outputs, zero, weight = (torch.full((1, 1, 1), v).double() for v in (-1, 0, 1))
    assert PoissonDeviance()(outputs, zero, weight) == outputs.exp()[0, 0, 0]


def test_padding_without_a_target_adds_nothing_to_the_gamma_deviance():
    padding = torch.zeros(1, 1, 1)
    assert GammaDeviance()(padding + 0.3, padding, padding) == 0


@pytest.fixture
def several(draw):
    """Draw an output for each quantile of each of three targets."""
    outputs, targets, weight = draw()
    more, _, _ = draw()
    third, _, _ = draw()
    apart = torch.stack([outputs, more, third], -1)
    return apart, targets, weight


def test_several_quantiles_are_the_mean_of_each_alone(several):
    apart, targets, weight = several
    together = PinballLoss(QUANTILES)(apart.flatten(-2), targets, weight)
    alone = [
        PinballLoss([quantile])(own, targets, weight)
        for quantile, own in zip(QUANTILES, apart.unbind(-1), strict=True)
    ]
    torch.testing.assert_close(together, torch.stack(alone).mean(0))


def test_the_pinball_loss_is_scikit_learns(several):
    apart, targets, _ = several
    quantile, outputs = 0.3, apart[..., 0]
    for run, result in enumerate(PinballLoss([quantile])(outputs, targets, even(5))):
        expected = mean_pinball_loss(targets[run], outputs[run], alpha=quantile)
        torch.testing.assert_close(result.item(), expected)


def test_the_gradient_of_several_quantiles_equals_autograd(several):
    apart, targets, weight = several
    outputs = apart.flatten(-2).requires_grad_()
    loss = PinballLoss(QUANTILES)
    loss(outputs, targets, weight).sum().backward()
    by_hand = loss.gradient(outputs.detach(), targets, weight)
    torch.testing.assert_close(by_hand, outputs.grad)


def test_the_link_sorts_the_quantiles_of_each_target(several):
    apart, targets, weight = several
    linked = PinballLoss(QUANTILES).link()(apart.flatten(-2)).unflatten(-1, (3, 3))
    torch.testing.assert_close(linked, apart.sort(-1).values)
    loss = PinballLoss(QUANTILES)
    sorted_, crossing = (
        loss(values.flatten(-2), targets, weight) for values in (linked, apart)
    )
    assert (sorted_ <= crossing).all()
    assert (sorted_ < crossing).any()
