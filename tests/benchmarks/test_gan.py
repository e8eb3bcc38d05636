"""The mixup GAN keeps the laws of its game; so do the distances it is judged by."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats as st
from torch import nn
from torch.nn import functional as F

from benchmarks import gan

QUICK = gan.GanSettings().quick()


@pytest.fixture
def two_samples(generator):
    """Two samples of different sizes and scales in the plane."""
    x = torch.randn(30, 2, generator=generator)
    return x, 2 * torch.randn(40, 2, generator=generator) + 1


def make_gan(alpha=0.2, **changes):
    settings = replace(QUICK, alpha=alpha, **changes)
    return gan.Gan(settings, torch.Generator().manual_seed(settings.seed))


def loss_on_the_same_minibatch(model, alpha):
    """Measure the value of the game on a minibatch that is the same at every call."""
    rng = model.rng
    model.rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        loss = model.loss(model.generate(), alpha).item()
    model.rng = rng
    return loss


def parameters(network):
    return [value.clone() for value in network.parameters()]


def changed(network, before):
    return [
        not torch.equal(new, old)
        for new, old in zip(network.parameters(), before, strict=True)
    ]


# The distance


def test_energy_distance_of_equal_samples_is_zero(two_samples):
    x, _ = two_samples
    assert gan.energy_distance(x, x) == 0
    assert gan.energy_distance(x, x.flip(0)) == pytest.approx(0, abs=1e-7)
    assert gan.energy_distance(x, torch.cat([x, x])) == pytest.approx(0, abs=1e-7)


def test_energy_distance_is_a_metric(two_samples):
    x, y = two_samples
    distance = gan.energy_distance(x, y)
    assert distance > 0
    assert gan.energy_distance(y, x) == pytest.approx(distance)
    assert distance <= gan.energy_distance(x, y + 1) + gan.energy_distance(y + 1, y)


def test_energy_distance_scales_with_the_rows_and_ignores_shifts(two_samples):
    x, y = two_samples
    moved = gan.energy_distance(4 * x + 3, 4 * y + 3)
    assert moved == pytest.approx(2 * gan.energy_distance(x, y), rel=1e-5)


def test_energy_distance_agrees_with_scipy_in_one_dimension(two_samples):
    x, y = (sample[:, :1] for sample in two_samples)
    expected = st.energy_distance(x.flatten().numpy(), y.flatten().numpy())
    assert gan.energy_distance(x, y) == pytest.approx(expected)


def test_energy_distance_agrees_with_a_loop_over_all_pairs(two_samples):
    def mean_gap(x, y):
        return np.mean([math.dist(a, b) for a in x.tolist() for b in y.tolist()])

    x, y = two_samples
    squared = 2 * mean_gap(x, y) - mean_gap(x, x) - mean_gap(y, y)
    assert gan.energy_distance(x, y) == pytest.approx(math.sqrt(squared))


# The toy sets and the weights


@pytest.mark.parametrize(("name", "n_modes"), [("ring", 8), ("grid", 25)])
def test_toy_set_is_as_many_equally_likely_gaussians(name, n_modes, generator):
    toy_set = gan.TOY_SETS[name]
    rows = toy_set.sample(20_000, generator)
    gaps = torch.cdist(rows, torch.tensor(toy_set.centers))
    counts = gaps.argmin(1).bincount(minlength=n_modes)
    assert len(counts) == n_modes
    assert st.chisquare(counts.numpy()).pvalue > 0.01
    scaled = gaps.min(1).values / toy_set.std
    assert st.kstest(scaled.numpy(), st.rayleigh.cdf).pvalue > 0.01


def test_toy_sets_fill_the_square_from_minus_one_to_one():
    for toy_set in gan.TOY_SETS.values():
        centers = np.array(toy_set.centers)
        assert centers.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
        assert np.abs(centers).max() == pytest.approx(1)
        gaps = np.linalg.norm(centers[:, None] - centers, axis=-1)
        assert gaps[gaps > 0].min() > 40 * toy_set.std


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 8.0])
def test_weights_follow_the_beta_distribution(alpha, generator):
    lam = gan.symmetric_beta(alpha, 20_000, generator)
    assert st.kstest(lam.numpy(), st.beta(alpha, alpha).cdf).pvalue > 0.01


def test_weights_of_a_tiny_alpha_are_nought_or_one(generator):
    lam = gan.symmetric_beta(1e-9, 10_000, generator)
    assert lam.mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.minimum(lam, 1 - lam).max() < 1e-9


# The game


def test_mixtures_lie_between_their_rows_by_the_share_they_are_labelled_with(generator):
    real, generated = torch.randn(2, 50, 2, generator=generator)
    rows, lam = gan.mix(real, generated, 0.5, generator)
    torch.testing.assert_close(rows, lam * real + (1 - lam) * generated)
    assert lam.shape == (50, 1)
    assert len(lam.unique()) > 40


def test_plain_gan_labels_real_rows_one_and_generated_rows_nought():
    model = make_gan()
    real = model.toy_set.sample(32, torch.Generator().set_state(model.rng.get_state()))
    generated = torch.full((32, 2), 0.3)
    on_real, on_generated = model.discriminator(real), model.discriminator(generated)
    expected = F.softplus(-on_real).mean() / 2 + F.softplus(on_generated).mean() / 2
    torch.testing.assert_close(model.loss(generated, 0.0), expected)


def test_plain_gan_is_the_limit_of_a_vanishing_alpha(generator):
    model = make_gan()
    # A steep discriminator: one fresh from its start judges all rows alike.
    nn.init.normal_(model.discriminator[-1].weight, std=20, generator=generator)
    with torch.no_grad():
        generated = model.generator(torch.randn(100_000, 2, generator=generator))
        plain, mixed = (model.loss(generated, alpha).item() for alpha in (0.0, 1e-6))
    assert plain == pytest.approx(mixed, rel=0.01)
    assert abs(plain - math.log(2)) > 0.1


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_discriminator_step_lowers_the_loss(alpha):
    model = make_gan(alpha, batch_size=1_000)
    generator = parameters(model.generator)
    before = loss_on_the_same_minibatch(model, alpha)
    model.discriminator_step()
    assert loss_on_the_same_minibatch(model, alpha) < before
    assert not any(changed(model.generator, generator))


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_generator_step_raises_the_loss_of_the_discriminator(alpha):
    model = make_gan(generator_alpha=alpha, batch_size=1_000)
    for _ in range(20):
        model.discriminator_step()
    generator, discriminator = map(parameters, (model.generator, model.discriminator))
    before = loss_on_the_same_minibatch(model, alpha)
    model.generator_step()
    assert loss_on_the_same_minibatch(model, alpha) > before
    assert not any(changed(model.discriminator, discriminator))
    assert all(changed(model.generator, generator))


@pytest.mark.parametrize("generator_alpha", [0.0, 0.2])
def test_generator_meets_real_rows_only_if_its_step_mixes(generator_alpha):
    ring, grid = (
        make_gan(generator_alpha=generator_alpha, toy_set=name) for name in gan.TOY_SETS
    )
    for model in (ring, grid):
        model.generator_step()
    pairs = zip(ring.generator.parameters(), grid.generator.parameters(), strict=True)
    same = [torch.allclose(a, b, atol=1e-6) for a, b in pairs]
    assert all(same) == (generator_alpha == 0)


def test_discriminator_step_mixes_by_its_own_alpha():
    settings = [(0.2, 0.0), (0.2, 0.5), (0.0, 0.0)]
    models = [make_gan(alpha, generator_alpha=other) for alpha, other in settings]
    for model in models:
        model.discriminator_step()
    mixed, same, plain = (model.discriminator for model in models)
    assert not any(changed(mixed, parameters(same)))
    assert any(changed(mixed, parameters(plain)))


def test_gradient_in_the_generated_rows_agrees_with_the_one_by_hand():
    model = make_gan()
    model.discriminator = gan.perceptron((2, 1), model.rng)
    generated = model.generate().detach().requires_grad_()
    again = torch.Generator().set_state(model.rng.get_state())
    (gradient,) = torch.autograd.grad(model.loss(generated, 0.5), generated)
    with torch.no_grad():
        real = model.toy_set.sample(32, again)
        rows, lam = gan.mix(real, generated, 0.5, again)
        errors = torch.sigmoid(model.discriminator(rows)) - lam
    expected = (1 - lam) * errors * model.discriminator[0].weight / 32
    torch.testing.assert_close(gradient, expected)


def test_networks_are_those_of_the_paper(generator):
    model = gan.Gan(gan.GanSettings(), generator)
    for network, n_out in ((model.generator, 2), (model.discriminator, 1)):
        linears = [layer for layer in network if isinstance(layer, nn.Linear)]
        sizes = [(layer.in_features, layer.out_features) for layer in linears]
        assert sizes == [(2, 512), (512, 512), (512, 512), (512, n_out)]
        assert [type(layer) for layer in network[1::2]] == [nn.ReLU] * 3


def test_weights_start_as_those_of_linear_layers(generator):
    weight = gan.perceptron((100, 400, 1), generator)[0].weight.detach()
    scaled = weight.flatten().numpy() * math.sqrt(100)
    assert st.kstest(scaled, st.uniform(-1, 2).cdf).pvalue > 0.01


# The run


@pytest.mark.parametrize("toy_set", gan.TOY_SETS)
@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_same_settings_same_result(alpha, toy_set):
    settings = replace(
        QUICK, alpha=alpha, toy_set=toy_set, iterations=9, snapshots=(9,)
    )
    result = gan.train_gan(settings)
    assert gan.train_gan(settings) == result
    assert gan.train_gan(replace(settings, seed=1))["curve"] != result["curve"]


def test_global_generators_stay_as_they_are():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002 - the state to be left alone
    gan.train_gan(QUICK)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002 - the same
    assert before[2] == random.getstate()


def test_runs_are_judged_by_the_same_rows():
    settings = replace(QUICK, iterations=1, snapshots=())
    mixed, plain = (
        gan.train_gan(replace(settings, alpha=alpha, seed=seed))
        for alpha, seed in ((0.2, 0), (0.0, 1))
    )
    assert mixed["real"] == plain["real"]
    assert mixed["floor"] == plain["floor"]


def test_result_holds_what_was_asked_for():
    result = gan.train_gan(QUICK)
    distances, (steps, snapshots) = result["curve"]["distance"], result["snapshots"]
    assert result["curve"]["iteration"] == QUICK.evaluations()
    assert len(distances) == len(QUICK.evaluations())
    assert steps == [10, 100]
    assert all(np.shape(rows) == (64, 2) for rows in [*snapshots, result["real"]])
    assert 0 < result["floor"] < result["least_distance"] == min(distances)
    assert result["distance"] == distances[-1]


def test_result_survives_json():
    result = gan.train_gan(replace(QUICK, iterations=10, snapshots=(10,)))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert max(len(str(abs(x))) for row in result["real"] for x in row) <= len("0.123")


def test_snapshot_is_the_generator_after_so_many_iterations():
    settings = replace(QUICK, iterations=4, snapshots=(2, 4))
    longer = gan.train_gan(settings)
    shorter = gan.train_gan(replace(settings, iterations=2, snapshots=(2,)))
    assert longer["snapshots"][1][0] == shorter["snapshots"][1][0]
    assert longer["snapshots"][1][0] != longer["snapshots"][1][1]


def test_an_iteration_is_five_discriminator_steps_and_one_of_the_generator():
    looped, model = make_gan(), make_gan()
    model.iterate()
    for _ in range(5):
        looped.discriminator_step()
    looped.generator_step()
    assert not any(changed(looped.generator, parameters(model.generator)))
    assert not any(changed(looped.discriminator, parameters(model.discriminator)))


@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_training_brings_samples_closer_to_the_data(alpha):
    settings = replace(QUICK, alpha=alpha, toy_set="grid", hidden=(64, 64, 64))
    distances = gan.train_gan(settings)["curve"]["distance"]
    assert min(distances) < distances[0] / 2


def test_samples_that_are_not_finite_stop_the_run(monkeypatch):
    def explode(model):
        nn.init.constant_(model.generator[-1].bias, math.inf)

    monkeypatch.setattr(gan.Gan, "iterate", explode)
    with pytest.raises(FloatingPointError, match="at iteration 1"):
        gan.train_gan(QUICK)


# The settings


def test_defaults_are_the_schedule_of_the_paper():
    settings = gan.GanSettings()
    assert settings.iterations == 20_000
    assert settings.batch_size == 128
    assert settings.discriminator_steps == 5
    assert settings.snapshots == (10, 100, 1_000, 10_000, 20_000)


def test_quick_keeps_what_is_compared():
    kept = {"alpha": 1.0, "generator_alpha": 0.5, "toy_set": "grid", "seed": 3}
    assert gan.GanSettings(**kept).quick() == replace(QUICK, **kept)


@pytest.mark.parametrize("iterations", [1, 7, 100, 20_000])
def test_evaluations_are_dense_at_the_start_and_even_at_the_end(iterations):
    settings = replace(QUICK, iterations=iterations, snapshots=(1,))
    steps = settings.evaluations()
    assert steps[0] == 1
    assert steps[-1] == iterations
    assert len(steps) <= 100
    gaps = np.diff(steps)
    assert all(gaps <= max(1, math.ceil(iterations / 40)))
    assert all(gaps <= np.maximum(1, 0.5 * np.array(steps[:-1])))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"toy_set": "moons"}, "toy_set must be in"),
        ({"alpha": -0.1}, "alphas must be finite"),
        ({"alpha": math.nan}, "alphas must be finite"),
        ({"generator_alpha": math.inf}, "alphas must be finite"),
        ({"iterations": 50}, r"snapshots must be in 1\.\.50"),
        ({"snapshots": (0,)}, "snapshots must be in 1"),
        ({"snapshot_size": 1_000}, "snapshot_size must not be above"),
    ],
)
def test_senseless_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(QUICK, **change)
