"""The study tries what it says, and its choice is what users get."""

import numpy as np
import pytest

from benchmarks.experiments import defaults
from benchmarks.splits import Split
from sk_mixup import MixupClassifier
from tests.benchmarks.test_jobs import job


def test_the_choice_is_the_default_but_for_the_number_of_networks():
    chosen = defaults.START_RECIPE | defaults.CHANGES[defaults.CHOICE]
    params = MixupClassifier().get_params()
    different = {name for name, value in chosen.items() if params[name] != value}
    assert different == {"n_estimators"}


def test_every_change_changes_something():
    start = defaults.START_RECIPE
    for name, change in defaults.CHANGES.items():
        kept = [key for key, value in change.items() if start.get(key) == value]
        assert kept == [], name
        assert change or name == defaults.START


@pytest.mark.parametrize("size", [7, 40])
def test_a_sample_is_the_same_for_every_method_and_has_its_labels(size):
    X = np.arange(40.0).reshape(20, 2)
    split = Split(X, X[:, 0], X, X[:, 0], {"n_train": 20, "n_test": 20})
    one = job(extras=(("max_rows", size),))
    first, second = (defaults.fewer_rows(one, split) for _ in range(2))
    assert first is second
    assert len(first.y_train) == min(size, 20)
    assert np.array_equal(first.X_train[:, 0], first.y_train)
    assert len(set(first.y_train)) == len(first.y_train)
