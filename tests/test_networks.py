"""Stacked networks against loops of plain torch networks."""

import copy
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sk_mixup._networks.batch import Batch, Dropout, Mixture
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    HuberLoss,
    SoftCrossEntropy,
    SquaredError,
)
from sk_mixup._networks.network import Network
from sk_mixup._networks.prediction_forms import in_double
from sk_mixup._networks.stacked_layers import StackedLinear
from sk_mixup._networks.stacked_mlp import StackedMLP
from sk_mixup._networks.stacked_modules import StackedCopies, seeded

RUNS, ROWS, SIZES = 3, 5, (4, 6, 7, 2)
UNITS = 8
SEEING_BINS = [(), (0, 2), (1,), (0, 1, 2)]
LOSSES = [
    SoftCrossEntropy,
    BinaryCrossEntropy,
    SquaredError,
    AbsoluteError,
    HuberLoss,
]


def generators(*numbers):
    return [np.random.default_rng([7, number]) for number in numbers]


@pytest.fixture
def mlp():
    body = StackedMLP(RUNS, SIZES)
    body.initialize(generators(0, 1, 2))
    return body


def make_mlp(binned=()):
    body = StackedMLP(RUNS, SIZES, binned, UNITS)
    body.initialize(generators(0, 1, 2))
    return body


def make_batch(generator, layer=None, examples=1, dropout=0.0, binned=()):
    """Draw a minibatch whose copies of a row are mixed before a hidden layer."""
    copies = ROWS * (1 if layer is None else examples)

    def uniform(*shape):
        return torch.rand(shape, generator=generator)

    weight = uniform(RUNS, ROWS, 1)
    weights = uniform(RUNS, ROWS, examples)
    kept = [uniform(RUNS, copies, width) >= dropout for width in SIZES[1:-1]]
    units = torch.randn(len(binned), copies, UNITS, generator=generator)
    return Batch(
        torch.randn(RUNS, copies, SIZES[0], generator=generator),
        torch.softmax(uniform(RUNS, ROWS, SIZES[-1]) * 4, -1),
        weight / weight.sum(1, keepdim=True),
        None if layer is None else Mixture(weights / weights.sum(-1, True), (layer,)),
        Dropout(tuple(own.byte() for own in kept), 1.25) if dropout else None,
        units if len(binned) else None,
    )


def reference_outputs(body, batch):
    """Compute the outputs of a stacked MLP in a way that autograd follows."""
    *hidden, last = body.layers(body.theta)
    x = batch.inputs
    for depth, layer in enumerate([*hidden, last]):
        x = mixed_before(depth, x, batch)
        x = torch.einsum("rni,rio->rno", x, layer.weight) + layer.bias
        if depth == 0 and body.binned:
            weight = body.theta_bins.view(-1, UNITS, SIZES[1])
            own = mixed_before(0, batch.units, batch, list(body.binned))
            x = x.index_add(0, torch.tensor(body.binned), own @ weight)
        if layer is not last:
            x = x.relu()
            if batch.dropout:
                kept = batch.dropout.kept[depth][:, : x.shape[1]]
                x = x * kept * batch.dropout.factor
    return x


def mixed_before(depth, x, batch, runs=(0, 1, 2)):
    if batch.mixture is None or batch.mixture.layer != depth:
        return x
    weights = batch.mixture.weights[list(runs)]
    return torch.einsum("rnef,rne->rnf", x.unflatten(1, (ROWS, -1)), weights)


# Layers and perceptrons.


def test_stacked_linear_equals_a_loop_of_linear_layers(generator):
    loop = [nn.Linear(4, 2) for _ in range(RUNS)]
    stacked = StackedLinear(
        torch.stack([layer.weight.T for layer in loop]),
        torch.stack([layer.bias[None] for layer in loop]),
    )
    x = torch.randn(RUNS, ROWS, 4, generator=generator)
    expected = torch.stack([layer(rows) for layer, rows in zip(loop, x, strict=True)])
    torch.testing.assert_close(stacked(x), expected)


def test_stacked_mlp_equals_a_loop_of_its_members(mlp, generator):
    x = torch.randn(RUNS, ROWS, SIZES[0], generator=generator)
    expected = torch.stack([mlp.member(run)(x[run]) for run in range(RUNS)])
    torch.testing.assert_close(mlp(x), expected)


def test_one_table_serves_all_runs(mlp, generator):
    x = torch.randn(1, ROWS, SIZES[0], generator=generator)
    torch.testing.assert_close(mlp(x), mlp(x.repeat(RUNS, 1, 1)))


@pytest.mark.parametrize("sizes", [(3, 2), (1, 1, 1), (5, 8, 8, 8, 3)])
def test_any_depth_has_linear_layers_with_relu_between(sizes):
    body = StackedMLP(2, sizes)
    kinds = [type(layer) for layer in body.member(0)]
    assert kinds == [nn.Linear, nn.ReLU] * (len(sizes) - 2) + [nn.Linear]
    n_weights = sum(parameter.numel() for parameter in body.member(0).parameters())
    assert body.theta.shape == (2, n_weights)


def test_initial_weights_are_those_of_nn_linear():
    body = StackedMLP(1, (50, 400, 3))
    body.initialize(generators(0))
    with seeded(0, torch.device("cpu")):
        plain = nn.Sequential(nn.Linear(50, 400), nn.ReLU(), nn.Linear(400, 3))
    for ours, theirs in zip(body.member(0), plain, strict=True):
        for mine, reference in zip(ours.parameters(), theirs.parameters(), strict=True):
            bound = 1 / np.sqrt(theirs.in_features)
            assert mine.abs().max() <= bound
            assert reference.abs().max() <= bound
            if mine.numel() > 1000:
                assert mine.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("binned", [(), (1, 2)])
def test_units_begin_to_fire_at_the_rows_they_are_given(depth, binned, generator):
    mlp = make_mlp(binned)
    before = mlp.theta.detach().clone()
    units = mlp.sizes[depth + 1]
    rows = torch.randn(units, mlp.sizes[0], generator=generator)
    bins = torch.randn(units, UNITS, generator=generator) if binned else None
    for some in (slice(0, 2), slice(2, units)):
        mlp.place_kinks_at(
            1, depth, some, rows[some], None if bins is None else bins[some]
        )
    *linear, _ = [part for part in mlp.member(1) if isinstance(part, nn.Linear)]
    x = rows if bins is None else torch.cat([rows, bins], 1)
    for earlier in linear[:depth]:
        x = earlier(x).relu()
    reached = linear[depth](x).diagonal()
    torch.testing.assert_close(reached, torch.zeros_like(reached), atol=1e-6, rtol=0)
    changed = (mlp.theta != before).sum(1)
    assert 0 < changed[1] <= units
    assert changed.sum() == changed[1]


def test_initial_weights_of_a_run_are_its_own():
    body = StackedMLP(RUNS, SIZES)
    body.initialize(generators(0, 1, 2))
    alone = StackedMLP(1, SIZES)
    alone.initialize(generators(1))
    assert torch.equal(alone.theta[0], body.theta[1])
    assert not torch.equal(body.theta[0], body.theta[1])


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize(
    ("layer", "examples"), [(None, 1), *product([0, 1, 2], [2, 3])]
)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("binned", SEEING_BINS)
def test_hand_gradient_equals_autograd(
    binned, loss, layer, examples, dropout, generator
):
    body = make_mlp(binned)
    batch = make_batch(generator, layer, examples, dropout, binned)
    outputs = reference_outputs(body, batch)
    loss()(outputs, batch.targets, batch.weight).sum().backward()
    by_autograd = [parameter.grad.clone() for parameter in body.parameters()]
    by_hand = body.training_step(loss(), generators(0, 1, 2))(batch)
    torch.testing.assert_close(by_hand, outputs.detach())
    own = [parameter.grad for parameter in body.parameters()]
    torch.testing.assert_close(own, by_autograd)


@pytest.mark.parametrize("binned", SEEING_BINS)
def test_members_take_bins_after_their_inputs(binned, generator):
    body, batch = make_mlp(binned), make_batch(generator, binned=binned)
    outputs = body(batch.inputs, batch.units)
    for run in range(RUNS):
        x = batch.inputs[run]
        if run in binned:
            x = torch.cat([x, batch.units[binned.index(run)]], 1)
        torch.testing.assert_close(body.member(run)(x), outputs[run])


@pytest.mark.parametrize("binned", SEEING_BINS)
def test_runs_with_and_without_bins_are_selected_and_joined(binned, generator):
    body, batch = make_mlp(binned), make_batch(generator, binned=binned)
    parts = [body.select([run]) for run in (2, 0, 1)]
    joined = StackedMLP.concatenate(parts).select([1, 2, 0])
    assert joined.binned == body.binned
    outputs = body(batch.inputs, batch.units)
    assert torch.equal(joined(batch.inputs, batch.units), outputs)
    kept = {}
    body.keep(torch.tensor([True, False, True]), kept)
    with torch.no_grad():
        for parameter in joined.parameters():
            parameter.zero_()
    joined.restore(kept)
    assert torch.equal(joined(batch.inputs, batch.units), outputs)


def test_a_run_without_bins_begins_as_one_beside_none():
    plain, some = make_mlp(), make_mlp((0, 2))
    assert torch.equal(plain.theta[1], some.theta[1])
    assert not torch.equal(plain.theta[0], some.theta[0])


@pytest.mark.parametrize(
    "optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop]
)
def test_steps_equal_those_of_a_plain_sequential(mlp, optimizer, generator):
    plain = [copy.deepcopy(mlp.member(run)) for run in range(RUNS)]
    theirs = [optimizer(member.parameters(), lr=0.01) for member in plain]
    step = mlp.training_step(SoftCrossEntropy(), generators(0, 1, 2))
    ours = optimizer(mlp.parameters(), lr=0.01)
    for _ in range(5):
        batch = make_batch(generator)
        batch.weight.fill_(1 / ROWS)
        step(batch)
        ours.step()
        for run, member in enumerate(plain):
            theirs[run].zero_grad()
            F.cross_entropy(member(batch.inputs[run]), batch.targets[run]).backward()
            theirs[run].step()
    for run, member in enumerate(plain):
        torch.testing.assert_close(mlp.member(run).state_dict(), member.state_dict())


def test_gradients_of_a_run_do_not_see_its_neighbours(mlp, generator):
    batch = make_batch(generator)
    mlp.training_step(SoftCrossEntropy(), [])(batch)
    alone = mlp.select([1])
    alone.training_step(SoftCrossEntropy(), [])(
        Batch(batch.inputs[1:2], batch.targets[1:2], batch.weight[1:2])
    )
    torch.testing.assert_close(alone.theta.grad[0], mlp.theta.grad[1])


# Mixing inside a network.


@pytest.mark.parametrize("features", [(4,), (2, 3, 3)])
def test_mixture_is_the_weighted_sum_of_a_rows_copies(features, generator):
    weights = torch.rand(RUNS, ROWS, 3, generator=generator)
    hidden = torch.randn(RUNS, ROWS * 3, *features, generator=generator)
    mixed = Mixture(weights, (1,))(hidden)
    for run, row in product(range(RUNS), range(ROWS)):
        expected = sum(
            weights[run, row, e] * hidden[run, 3 * row + e] for e in range(3)
        )
        torch.testing.assert_close(mixed[run, row], expected)


def test_spreading_is_the_adjoint_of_mixing(generator):
    mixture = Mixture(torch.rand(RUNS, ROWS, 3, generator=generator), (1,))
    hidden = torch.randn(RUNS, ROWS * 3, 4, generator=generator)
    gradient = torch.randn(RUNS, ROWS, 4, generator=generator)
    there = (mixture(hidden) * gradient).sum()
    back = (hidden * mixture.spread(gradient)).sum()
    torch.testing.assert_close(there, back)


@pytest.mark.usefixtures("double")
def test_a_linear_network_does_not_care_where_it_mixes(generator):
    body = StackedMLP(RUNS, SIZES)
    body.initialize(generators(0, 1, 2))
    with torch.no_grad():
        for layer in body.layers(body.theta)[:-1]:
            layer.bias += 100  # so that no unit is ever off
    outputs = []
    for layer in (0, 1, 2):
        batch = make_batch(torch.Generator().manual_seed(3), layer, 2)
        step = body.training_step(SquaredError(), [])
        outputs.append((step(batch), body.theta.grad.clone()))
    for output, gradient in outputs[1:]:
        torch.testing.assert_close(output, outputs[0][0])
        torch.testing.assert_close(gradient, outputs[0][1])


# Copies of a user's module.


def make_copies(*numbers, dropout=0.0):
    """Make small modules with names, whose weights belong to their numbers."""
    members = []
    for number in numbers:
        with seeded(number, torch.device("cpu")):
            members.append(
                nn.Sequential(
                    nn.Linear(4, 6), nn.ReLU(), nn.Dropout(dropout), nn.Linear(6, 2)
                )
            )
    return StackedCopies(members)


def test_stacked_copies_equal_a_loop(generator):
    copies = make_copies(0, 1, 2)
    x = torch.randn(RUNS, ROWS, 4, generator=generator)
    expected = torch.stack([copies.members[run](x[run]) for run in range(RUNS)])
    assert torch.equal(copies(x), expected)


@pytest.mark.parametrize("layer", [None, 0, "0", "1", "3"])
def test_a_step_of_copies_equals_autograd(layer, generator):
    copies = make_copies(0, 1, 2)
    batch = make_batch(generator, layer, 2)
    outputs = copies.training_step(SoftCrossEntropy(), generators(0, 1, 2))(batch)
    position = {None: -1, 0: 0, "0": 1, "1": 2, "3": 4}[layer]
    for run, member in enumerate(copies.members):
        gradients = [parameter.grad for parameter in member.parameters()]
        x = batch.inputs[run]
        for depth in range(5):
            if depth == position:
                split = x.unflatten(0, (ROWS, 2))
                x = torch.einsum("nef,ne->nf", split, batch.mixture.weights[run])
            x = member[depth](x) if depth < 4 else x
        losses = SoftCrossEntropy().per_row(x, batch.targets[run])
        total = losses @ batch.weight[run, :, 0]
        torch.testing.assert_close(outputs[run], x.detach())
        expected = torch.autograd.grad(total, list(member.parameters()))
        torch.testing.assert_close(gradients, list(expected))


def test_copies_may_work_in_place(generator):
    first, other = nn.ReLU(inplace=True), nn.ReLU()
    batch = make_batch(generator)
    given = batch.inputs.clone()
    outputs = []
    for relu in (first, other):
        last = make_copies(0, 1, 2)
        copies = StackedCopies([nn.Sequential(relu, each) for each in last.members])
        step = copies.training_step(SoftCrossEntropy(), generators(0, 1, 2))
        outputs.append((step(batch), copies(batch.inputs)))
    assert torch.equal(batch.inputs, given)
    torch.testing.assert_close(outputs[0], outputs[1])


def test_mixing_leaves_no_hook_behind(generator):
    copies = make_copies(0, 1, 2)
    copies.training_step(SoftCrossEntropy(), generators(0, 1, 2))(
        make_batch(generator, "1", 2)
    )
    assert not any(module._forward_hooks for module in copies.modules())


def test_what_is_random_in_a_copy_comes_from_its_own_stream(generator):
    batch = make_batch(generator)
    state = torch.get_rng_state()
    together = make_copies(0, 1, 2, dropout=0.5).training_step(
        SoftCrossEntropy(), generators(0, 1, 2)
    )(batch)
    alone = make_copies(1, dropout=0.5).training_step(
        SoftCrossEntropy(), generators(1)
    )(Batch(batch.inputs[1:2], batch.targets[1:2], batch.weight[1:2]))
    assert torch.equal(alone[0], together[1])
    assert torch.equal(torch.get_rng_state(), state)


def test_seeded_puts_the_generator_back_and_is_reproducible():
    state = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(5, torch.device("cpu")):
            draws.append(torch.rand(3))
    assert torch.equal(*draws)
    assert torch.equal(torch.get_rng_state(), state)


# Runs taken apart and put together.


def some_bodies():
    mlp = StackedMLP(RUNS, SIZES)
    mlp.initialize(generators(0, 1, 2))
    normed = StackedCopies(
        [nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6)) for _ in range(RUNS)]
    )
    return [mlp, make_copies(0, 1, 2), normed]


@pytest.mark.parametrize("body", some_bodies(), ids=["mlp", "copies", "batch norm"])
def test_selected_runs_are_those_of_the_whole(body, generator):
    x = torch.randn(RUNS, ROWS, SIZES[0], generator=generator)
    body.eval()
    torch.testing.assert_close(body.select([2, 0])(x[[2, 0]]), body(x)[[2, 0]])
    assert body.select([1]).runs == 1
    joined = body.concatenate([body.select([0, 1]), body.select([2])])
    torch.testing.assert_close(joined.eval()(x), body(x))
    torch.testing.assert_close(body.member(1).eval()(x[1]), body(x)[1])


@pytest.mark.parametrize("body", some_bodies(), ids=["mlp", "copies", "batch norm"])
def test_a_snapshot_keeps_each_run_at_its_own_time(body, generator):
    x = torch.randn(RUNS, 20, SIZES[0], generator=generator)
    body, best, outputs = copy.deepcopy(body), {}, []
    for kept in ([True, True, False], [False, True, False], [False, False, True]):
        outputs.append(copy.deepcopy(body).eval()(x))
        body.keep(torch.tensor(kept), best)
        with torch.no_grad():
            for parameter in body.parameters():
                parameter.add_(1)
            body.train()(x)  # moves the statistics of the batch norm
    body.restore(best)
    expected = torch.stack([outputs[0][0], outputs[1][1], outputs[2][2]])
    torch.testing.assert_close(body.eval()(x), expected)


def test_selecting_shares_no_memory(mlp):
    before = mlp.theta.detach().clone()
    with torch.no_grad():
        mlp.select([0]).theta.zero_()
        for parameter in mlp.member(0).parameters():
            parameter.zero_()
    assert torch.equal(mlp.theta, before)


# Standardisation and prediction.


def test_standardize_uses_each_runs_figures(generator):
    shift, x = torch.randn(2, RUNS, 1, 4, generator=generator)
    scale = torch.rand(RUNS, 1, 4, generator=generator) + 1
    module = Standardize(shift, scale)
    for run in range(RUNS):
        expected = (x[run] - shift[run]) / scale[run]
        torch.testing.assert_close(module(x)[run], expected)
        torch.testing.assert_close(module.select([run])(x[run][None])[0], expected)
    joined = Standardize.concatenate([module.select([0]), module.select([1, 2])])
    assert torch.equal(joined(x), module(x))


@pytest.mark.parametrize("clip", [0.5, 3.0])
def test_clipping_is_smooth_bounded_and_kept_with_the_runs(clip):
    z = torch.linspace(-50, 50, 1001).view(1, -1, 1)
    module = Standardize(torch.zeros(2, 1, 1), torch.ones(2, 1, 1), clip)
    clipped = module(z)
    assert (clipped.abs() < clip).all()
    assert (clipped.diff(dim=1) > 0).all()
    torch.testing.assert_close(clipped[0], z[0] / (1 + (z[0] / clip) ** 2).sqrt())
    near = torch.tensor([[[clip / 100]]])
    torch.testing.assert_close(module(near)[0], near[0], rtol=1e-4, atol=0)
    for part in (module.select([1]), Standardize.concatenate([module, module])):
        assert part.clip == clip


@pytest.fixture
def network(mlp, generator):
    """Networks whose temperature is not 1."""
    shift = torch.randn(RUNS, 1, 4, generator=generator)
    network = Network(Standardize(shift, torch.full((RUNS, 1, 4), 2.0), 3.0), mlp)
    network.temperature = 2.5
    return network


def test_a_network_in_double_precision_keeps_its_hooks(network, generator):
    x, calls = torch.randn(1, ROWS, 4, generator=generator), []
    for part in network.modules():
        part.register_forward_hook(lambda part, *_: calls.append(type(part)))
    outputs = network(x)
    seen, calls[:] = [*calls], []
    double = in_double(network)
    torch.testing.assert_close(
        double(x.double()), outputs.double(), rtol=1e-5, atol=1e-5
    )
    assert calls == seen
    assert {p.dtype for p in double.state_dict().values()} == {torch.float64}
    assert {p.dtype for p in network.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize(("features", "width"), [((4,), 7), ((5, 6), 30)])
def test_the_largest_width_is_that_of_any_layer(features, width):
    figures = torch.zeros(RUNS, 1, *features)
    network = Network(Standardize(figures, figures + 1), StackedMLP(RUNS, SIZES))
    assert network.row_shape == features
    assert network.largest_width == width


def test_a_network_of_selected_runs_predicts_as_they_did(mlp, generator):
    shift = torch.randn(RUNS, 1, 4, generator=generator)
    network = Network(Standardize(shift, torch.ones(RUNS, 1, 4)), mlp)
    x = torch.randn(1, ROWS, 4, generator=generator)
    parts = [network.select([2]), network.select([0, 1])]
    joined = Network.concatenate(parts)
    assert joined.runs == RUNS
    torch.testing.assert_close(joined(x), network(x)[[2, 0, 1]])
