"""Predictions, exports and their parts are those of the networks."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from sk_mixup._networks import ensemble as module
from sk_mixup._networks.ensemble import Ensemble
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._networks.network import Network
from sk_mixup._networks.stacked_mlp import StackedMLP
from tests.twins import SMALL, TWINS, predicted

RUNS, ROWS = 3, 5


def make_network(sizes, shift):
    body = StackedMLP(RUNS, sizes)
    body.initialize([np.random.default_rng([7, run]) for run in range(RUNS)])
    return Network(Standardize(shift, torch.full((RUNS, 1, 4), 2.0), 3.0), body)


SCALING = np.array([1.0, 2.0]), np.array([3.0, 4.0])


@pytest.fixture
def network(generator):
    """Networks whose temperature is not 1."""
    shift = torch.randn(RUNS, 1, 4, generator=generator)
    network = make_network((4, 6, 2), shift)
    network.temperature = 2.5
    return network


def averaged(network, x):
    mean, deviation = map(torch.from_numpy, SCALING)
    return network(x[None]).detach().softmax(-1).mean(0) * deviation + mean


@pytest.mark.parametrize("exact", [False, True])
def test_an_ensemble_averages_the_networks_predictions(exact, network, generator):
    x = torch.randn(ROWS, 4, generator=generator)
    expected = averaged(network, x).numpy()
    ensemble = Ensemble(network, nn.Softmax(-1), SCALING, exact=exact)
    assert ensemble.dtype == (np.float64 if exact else np.float32)
    rows = x.numpy().astype(ensemble.dtype)
    np.testing.assert_allclose(ensemble.predict(rows), expected, rtol=1e-5)
    np.testing.assert_allclose(ensemble.export()(x), expected, rtol=1e-5)
    assert network.dtype == torch.float32


def test_parts_of_a_member_give_what_it_predicts(network, generator):
    x = torch.randn(ROWS, 4, generator=generator)
    predictor = Ensemble(network, nn.Softmax(-1), SCALING).export()
    outputs = network(x[None])
    for run, member in enumerate(predictor.members):
        assert [*member._modules] == [
            "standardize",
            "body",
            "temperature",
            "link",
            "rescale",
        ]
        torch.testing.assert_close(member.logits(x), outputs[run])
        torch.testing.assert_close(
            member.link(member.logits(x)), outputs[run].softmax(-1)
        )
        torch.testing.assert_close(
            member.rescale(member.link(member.logits(x))), member(x)
        )


def test_a_flat_ensemble_gives_a_vector(generator):
    network = make_network((4, 6, 1), torch.zeros(RUNS, 1, 4))
    x = torch.randn(ROWS, 4, generator=generator)
    ensemble = Ensemble(network, nn.Identity(), shape=())
    assert ensemble.predict(x.numpy()).shape == ensemble.export()(x).shape == (ROWS,)


def test_outputs_of_a_row_may_have_axes(generator):
    network = make_network((4, 6, 6), torch.zeros(RUNS, 1, 4))
    x = torch.randn(ROWS, 4, generator=generator)
    plain, apart = (Ensemble(network, nn.Identity(), shape=s) for s in (None, (2, 3)))
    expected = plain.predict(x.numpy()).reshape(ROWS, 2, 3)
    np.testing.assert_array_equal(apart.predict(x.numpy()), expected)
    np.testing.assert_allclose(apart.export()(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weights", [None, (0.5, 0.2, 0.3)])
def test_the_spread_is_the_members_deviation_from_the_mean(weights, network, generator):
    network.member_weights = weights
    x = torch.randn(ROWS, 4, generator=generator)
    ensemble = Ensemble(network, nn.Softmax(-1), SCALING, exact=True)
    mean, std = ensemble.predict_with_std(x.numpy())
    members = network(x[None]).detach().softmax(-1).numpy() * SCALING[1] + SCALING[0]
    expected = np.average((members - mean) ** 2, axis=0, weights=weights) ** 0.5
    np.testing.assert_array_equal(mean, ensemble.predict(x.numpy()))
    np.testing.assert_allclose(std, expected, rtol=1e-4)


def test_an_export_shares_no_memory_with_the_network(network):
    predictor = Ensemble(network, nn.Softmax(-1)).export()
    for tensor in predictor.state_dict().values():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


def test_chunks_together_are_the_whole(network, monkeypatch, rng):
    rows = rng.normal(size=(1000, 4)).astype(np.float32)
    ensemble = Ensemble(network, nn.Softmax(-1))
    whole = ensemble.predict(rows)
    monkeypatch.setattr(module, "PREDICT_BYTES", 0)
    monkeypatch.setattr(module, "FEWEST_ROWS", 7)
    np.testing.assert_allclose(ensemble.predict(rows), whole, rtol=1e-6)


FORMS = {
    "single": lambda X: X.astype(np.float32),
    "half": lambda X: X.astype(np.float16),
    "columns first": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "list": np.ndarray.tolist,
    "frame": pd.DataFrame,
    "objects": lambda X: X.astype(object),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", TWINS)
def test_the_form_of_the_rows_makes_no_difference(make, form, data):
    X = data[0].astype(np.float16).astype(np.float64)
    model = make(**SMALL).fit(X, data[1])
    rows = FORMS[form](X)
    np.testing.assert_array_equal(predicted(model, rows), predicted(model, X))


WRONG = [
    np.float64(3),
    np.zeros(4),
    np.zeros((0, 4)),
    np.zeros((2, 3)),
    np.zeros((2, 4, 1)),
]


@pytest.mark.parametrize("rows", WRONG, ids=np.shape)
@pytest.mark.parametrize("make", TWINS)
def test_arrays_of_another_shape_are_refused(make, rows, data):
    model = make(**SMALL).fit(*data)
    with pytest.raises(ValueError):  # noqa: PT011  each of scikit-learn's messages
        model.predict(np.asarray(rows))
