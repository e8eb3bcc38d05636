"""Where and how features are mixed: whole columns, and before they are encoded."""

import numpy as np
import pandas as pd
import pytest
from skorch.callbacks import Callback

from sk_mixup import MixupClassifier, fit_many
from tests.twins import SMALL, TWINS, assert_same_predictions

both = pytest.mark.parametrize("make", TWINS)
LEVELS = 3


@pytest.fixture
def frame(rng):
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"])
    frame.loc[::7, "b"] = np.nan
    for name in ("c", "d"):
        codes = rng.integers(LEVELS, size=90)
        frame[name] = pd.Categorical.from_codes(codes, list("xyz"))
    return frame, rng.integers(3, size=90)


class Seen(Callback):
    """Keeps the virtual rows and targets of the first member."""

    def __init__(self):
        self.inputs, self.targets = [], []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.inputs.append(batch.inputs[0].numpy().copy())
            self.targets.append(batch.targets[0].numpy().copy())


def virtual_rows(make, frame, y, **params):
    seen = Seen()
    params = SMALL | {"standardize": False, "callbacks": [seen]} | params
    make(1, **params).fit(frame, y)
    return np.concatenate(seen.inputs), np.concatenate(seen.targets)


@both
def test_swapped_categories_stay_whole_and_numbers_are_mixed(make, frame):
    for kind, whole in (("interpolate", False), ("swap_categories", True)):
        rows, _ = virtual_rows(make, *frame, mix_features=kind)
        categories = rows[:, 3:].reshape(len(rows), -1, LEVELS)
        np.testing.assert_allclose(categories.sum(-1), 1, atol=1e-6)
        assert bool(np.isin(categories, (0, 1)).all()) is whole
        assert not np.isin(rows[:, 0].round(5), frame[0]["a"].round(5)).all()


@both
def test_a_feature_swaps_with_its_gap(make, frame):
    X, y = frame
    rows, _ = virtual_rows(make, X, y, mix_features="swap")
    numbers, gaps = rows[:, 1], rows[:, 2]
    assert set(gaps) == {0, 1}
    mean = X["b"].mean()
    np.testing.assert_array_equal(np.isclose(numbers, mean), gaps == 1)
    known = X["b"].dropna().to_numpy()
    assert np.isclose(numbers[gaps == 0][:, None], known, atol=1e-6).any(1).all()


def test_the_label_is_mixed_by_the_mean_share_of_the_columns(frame):
    X, y = frame
    _, targets = virtual_rows(MixupClassifier, X, y, mix_features="swap")
    # Four features: with two whole rows a label has quarters.
    np.testing.assert_allclose(targets * 4, (targets * 4).round(), atol=1e-5)
    assert len(np.unique(targets.round(3))) == 5


@both
def test_without_categories_there_is_nothing_to_swap(make, frame):
    X, y = frame
    X = X[["a", "b"]]
    one, other = (
        make(1, mix_features=kind, **SMALL).fit(X, y)
        for kind in ("interpolate", "swap_categories")
    )
    assert_same_predictions(one, other, X, atol=1e-6)


@both
@pytest.mark.parametrize(
    "params", [{"mix_features": "swap"}, {"mix_layer": "raw"}], ids=str
)
def test_alpha_0_is_erm_wherever_rows_would_be_mixed(make, params, frame):
    X, y = frame
    erm, plain = (
        make(0, **SMALL | {"encoding": "bins"} | own).fit(X, y) for own in (params, {})
    )
    assert_same_predictions(erm, plain, X)


@both
@pytest.mark.parametrize(
    "params",
    [
        {"mix_features": "swap"},
        {"mix_features": "swap_categories", "weights_per": "example", "n_mixed": 3},
        {"mix_layer": "raw"},
        {"mix_layer": "raw", "mix_features": "swap"},
    ],
    ids=str,
)
def test_together_equals_alone(make, params, frame):
    X, y = frame
    params = SMALL | {"encoding": ("bins", "standardized"), "n_estimators": 2} | params
    others = {"mix_features": "interpolate"}
    models = [make(1, **params), make(1, **params | others), make(0.3, **params)]
    halves = [X[:60], X[:60], X[1:61]]
    labels = [y[:60], y[:60], y[1:61]]
    together = fit_many(models, halves, labels)
    for model, own, label in zip(together, halves, labels, strict=True):
        alone = type(model)(**model.get_params()).fit(own, label)
        assert_same_predictions(alone, model, X, atol=1e-5)


@both
def test_mixing_before_encoding_matters_to_bins_alone(make, frame):
    X, y = frame
    for encoding, differs in (("standardized", False), ("bins", True)):
        raw, encoded = (
            make(1, **SMALL | {"encoding": encoding, "mix_layer": layer}).fit(X, y)
            for layer in ("raw", "input")
        )
        if differs:
            with pytest.raises(AssertionError):
                assert_same_predictions(raw, encoded, X, atol=1e-3)
        else:
            assert_same_predictions(raw, encoded, X, atol=1e-5)


@both
def test_columns_cannot_be_swapped_inside(make, frame):
    with pytest.raises(ValueError, match="hidden layers do not have"):
        make(1, mix_features="swap", mix_layer=1).fit(*frame)


def test_the_dominant_label_of_a_swap_is_not_defined(frame):
    model = MixupClassifier(1, mix_features="swap", mix_target="dominant")
    with pytest.raises(ValueError, match="by the share of the columns"):
        model.fit(*frame)
