"""What the two estimators, and the two searches, share: texts and defaults."""

import inspect

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc

from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup.model_selection import GridSearchCV, RandomizedSearchCV

ESTIMATORS = MixupClassifier, MixupRegressor
SEARCHES = GridSearchCV, RandomizedSearchCV
PAIRS = pytest.mark.parametrize("twins", [ESTIMATORS, SEARCHES], ids=["fit", "search"])

ONLY_ONE = {
    *("mix_target", "kappa", "tau", "label_smoothing"),  # classes
    *("temperature", "class_weight"),
    *("loss", "quantile", "bandwidth"),  # real targets
    *("param_grid", "param_distributions", "n_iter", "random_state"),
    *("classes_", "temperature_", "n_outputs_"),
}
OTHER_DEFAULTS = {"member_weights", "dropout", "clip"}
OTHER_TEXTS = {
    *OTHER_DEFAULTS,
    "pairing",  # others are named
    "warping",  # distances of inputs, or of targets
    "lr_schedule",  # what was found of log losses
    *("early_stopping", "validation_fraction"),  # log loss, classes, temperature
    "n_estimators",  # probabilities are averaged, or predictions
    "validation_scores_",  # log loss
    "module",  # logits, or targets
    "warm_start",
}


def documented(kind):
    doc = ClassDoc(kind)
    return {each.name: each for each in doc["Parameters"] + doc["Attributes"]}


@PAIRS
def test_what_only_one_has_is_named(twins):
    one, other = (documented(kind).keys() for kind in twins)
    assert (one ^ other) <= ONLY_ONE


@PAIRS
def test_shared_parameters_and_attributes_have_one_text(twins):
    one, other = map(documented, twins)
    differing = {
        name
        for name in one.keys() & other.keys()
        if (one[name].type, one[name].desc) != (other[name].type, other[name].desc)
    }
    assert differing <= OTHER_TEXTS


@PAIRS
def test_shared_parameters_have_one_default_and_one_type(twins):
    one, other = (inspect.signature(kind).parameters for kind in twins)
    for name in (one.keys() & other.keys()) - OTHER_DEFAULTS:
        np.testing.assert_equal(one[name].default, other[name].default)
        if name != "pairing":
            assert one[name].annotation == other[name].annotation, name


def test_shared_constraints_are_the_base_s():
    shared = set.intersection(*(set(t._parameter_constraints) for t in ESTIMATORS))
    one, other = (t._parameter_constraints for t in ESTIMATORS)
    for name in shared:
        assert one[name] is other[name], name


def test_every_parameter_has_more_than_one_legal_value():
    for kind in ESTIMATORS:
        for name, constraints in kind._parameter_constraints.items():
            options = [each.options for each in constraints if hasattr(each, "options")]
            only_options = len(options) == len(constraints)
            assert not only_options or len(set().union(*options)) > 1, name
