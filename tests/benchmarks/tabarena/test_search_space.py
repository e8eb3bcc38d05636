"""Every configuration of the search fits, of both estimators."""

import json

import pytest

from benchmarks.tabarena.search_space import random_configs
from tests.twins import TWINS


def test_a_longer_list_begins_with_a_shorter_one():
    assert random_configs(5) == random_configs(20)[:5]
    assert random_configs(5) != random_configs(5, seed=1)
    assert len(random_configs()) == 200


def test_configurations_are_plain_values_that_can_be_written():
    for config in random_configs(30):
        assert json.loads(json.dumps(config)) == config


@pytest.mark.parametrize("make", TWINS)
def test_configurations_are_parameters_that_there_are(make):
    for config in random_configs():
        make(**config)._validate_params()


@pytest.mark.parametrize("make", TWINS)
def test_configurations_fit(make, data):
    X, y = data[0], data[1]
    for config in random_configs(3):
        config |= {"max_epochs": 1, "n_estimators": 1, "hidden_layer_sizes": (8, 8)}
        assert len(make(**config).fit(X, y).predict(X)) == len(y)
