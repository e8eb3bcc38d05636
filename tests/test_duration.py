"""Fits that take long say so, once."""

import io
import sys

import numpy as np
import pytest
from scipy import sparse

from sk_mixup import MixupClassifier, fit_many
from sk_mixup._training import duration
from sk_mixup._training.duration import Forecast
from sk_mixup.model_selection import GridSearchCV
from tests.twins import SMALL, TWINS, perceptron


class Stream(io.StringIO):
    """Takes text, and is a terminal or not."""

    def __init__(self, terminal=True):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def said(stream, seconds, fraction):
    """Return what is said of a training that takes so long for a fraction of it."""
    forecast = Forecast(stream, clock=iter([100.0, 100.0 + seconds, np.nan]).__next__)
    forecast.begin()
    forecast.after(fraction)
    forecast.begin()  # the next stacks of a search
    forecast.after(fraction)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "fraction", "words"),
    [(1, 0.01, "2 min"), (20, 0.01, "33 min"), (60, 0.005, "3.3 h")],
)
def test_a_long_training_is_foretold_after_an_epoch(seconds, fraction, words):
    (line,) = said(Stream(), seconds, fraction).splitlines()
    assert f"about {words}, or less if it stops early; verbose=1 shows" in line


@pytest.mark.parametrize(
    ("seconds", "fraction"),
    [(0.5, 0.01), (3600, 1.0)],  # less than a minute in all; done
)
def test_nothing_is_said_of_what_is_short_or_done(seconds, fraction):
    assert said(Stream(), seconds, fraction) == ""


def test_a_time_limit_bounds_what_is_foretold():
    clock = iter([0.0, 36.0]).__next__
    stream = Stream()
    forecast = Forecast(stream, clock)
    forecast.begin(most=120)
    forecast.after(0.01)
    assert "about 2 min" in stream.getvalue()


def test_nothing_is_said_where_nobody_looks():
    assert said(Stream(terminal=False), 100, 0.01) == ""
    forecast = Forecast(None)
    forecast.begin()
    forecast.after(0.01)


def long_fits_at_a_terminal(monkeypatch):
    """Return standard error, now a terminal, where every fit is a long one.

    Not a fixture: pytest sets standard error anew between fixtures and tests.
    """
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(duration, "LONG_S", 0.0)
    return stream


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize(
    "ways",
    [
        lambda model, X, y: model.fit(X, y),
        lambda model, X, y: model.set_params(n_estimators=3).fit(X, y),
        lambda model, X, y: model.set_params(warm_start=True).fit(X, y),
        lambda model, X, y: fit_many([model, type(model)(**SMALL)], [X] * 2, [y] * 2),
        lambda model, X, y: GridSearchCV(model, {"alpha": [0, 1]}, refit=False).fit(
            X, y
        ),
    ],
    ids=["fit", "members", "warm", "fit_many", "search"],
)
def test_every_way_to_train_says_so_once(make, ways, data, monkeypatch):
    terminal = long_fits_at_a_terminal(monkeypatch)
    ways(make(**SMALL), *data)
    assert terminal.getvalue().count("The training takes about") == 1


@pytest.mark.parametrize("make", TWINS)
def test_what_shows_its_progress_or_is_one_epoch_does_not(make, data, monkeypatch):
    terminal = long_fits_at_a_terminal(monkeypatch)
    make(**SMALL, verbose=1).fit(*data)
    make(**SMALL).partial_fit(*data)
    make(**SMALL | {"max_epochs": 1}).fit(*data)
    assert terminal.getvalue() == ""
    fit_many([make(**SMALL)], data[:1], data[1:], verbose=1)
    assert "The training takes" not in terminal.getvalue()


def one_hot(n_rows, n_columns):
    """Return an identifier's columns, and a label for each row."""
    rows = np.arange(n_rows)
    shape = n_rows, n_columns
    X = sparse.csr_matrix((np.ones(n_rows), (rows, rows % n_columns)), shape=shape)
    return X, rows % 2


@pytest.fixture
def impatient(monkeypatch):
    """Call a fit a long one from so few visits of cells on that it is a short one."""
    monkeypatch.setattr(duration, "LONG_VISITS", 1e5)


WIDE = {**SMALL, "hidden_layer_sizes": 4, "n_estimators": 2}


@pytest.mark.parametrize("make", TWINS)
@pytest.mark.parametrize("form", [sparse.csr_matrix, lambda X: X.toarray()])
def test_a_wide_table_is_warned_of_with_its_columns_weights_and_remedies(
    make, form, impatient
):
    X, y = one_hot(40, 2001)
    message = r"2,001 columns, which make 16,008 weights .*OneHotEncoder\(min_freq"
    with pytest.warns(UserWarning, match=message) as caught:
        make(**WIDE).fit(form(X), y)
    assert len(caught) == 1


def test_candidates_on_one_table_warn_of_it_once(impatient):
    X, y = one_hot(40, 2001)
    models = [MixupClassifier(alpha, **WIDE) for alpha in (0, 0.4, 1)]
    with pytest.warns(UserWarning, match="2,001 columns") as caught:
        fit_many(models, [X] * 3, [y] * 3)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("n_columns", "params"),
    [
        (2000, {}),  # not wide
        (2001, {"max_epochs": 1, "n_estimators": 1}),  # not long
    ],
)
def test_other_tables_are_not(n_columns, params, impatient):
    X, y = one_hot(40, n_columns)  # and warnings are errors
    MixupClassifier(**WIDE | params).fit(X, y)


def test_nor_are_those_that_a_module_of_the_users_takes(impatient):
    X, _ = one_hot(40, 2001)
    module = {"module": perceptron, "module_params": {"n_features": 2001}}
    MixupClassifier(**SMALL, **module).fit(X, np.arange(40) % 3)


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "is_long"),
    [
        (5_000, 5_000, True),  # an identifier, one-hot
        (300_000, 50, False),
        (70_000, 784, False),  # MNIST
        (200, 10_000, False),  # arcene
        (13_910, 128, False),  # gas drift
    ],
)
def test_only_wide_tables_of_many_rows_take_long_by_their_width(
    n_rows, n_columns, is_long
):
    networks, epochs = 8, 100  # by default
    assert duration.takes_long(n_rows, n_columns, networks * epochs) == is_long
