"""Searches that give few epochs or networks to most candidates."""

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV
from skorch.callbacks import Callback

from sk_mixup import search_space
from sk_mixup.model_selection import together
from tests.twins import CONSTANT, TWINS, predicted

pytestmark = pytest.mark.parametrize("make", TWINS)
RESOURCES = pytest.mark.parametrize(
    ("resource", "attribute"), [("max_epochs", "n_iter_"), ("n_estimators", "n_runs")]
)


def size(model, attribute):
    if attribute == "n_runs":
        return model.net_.module_.runs
    return getattr(model, attribute)


def halving(make, resource, **params):
    return {
        "estimator": make(**{k: v for k, v in CONSTANT.items() if k != resource}),
        "resource": resource,
        "min_resources": 1,
        "max_resources": 4,
        "factor": 2,
        "cv": 2,
        "random_state": 0,
    } | params


@RESOURCES
def test_the_last_round_has_the_whole_budget(make, resource, attribute, data):
    search = HalvingGridSearchCV(
        param_grid={"alpha": [0, 0.2, 0.4, 1]}, **halving(make, resource)
    )
    with together() as trained:
        search.fit(*data)
    assert search.n_candidates_ == [4, 2, 1]
    assert search.n_resources_ == [1, 2, 4]
    # Each round is one training; the best is fitted on all rows after them.
    assert trained == [8, 4, 2]
    assert size(search.best_estimator_, attribute) == 4
    assert search.best_params_[resource] == 4


@RESOURCES
def test_halving_together_is_halving_alone(make, resource, attribute, data):
    params = halving(make, resource, param_grid={"alpha": [0, 0.4, 1]})
    alone, joint = HalvingGridSearchCV(**params), HalvingGridSearchCV(**params)
    alone.fit(*data)
    with together():
        joint.fit(*data)
    np.testing.assert_allclose(
        joint.cv_results_["mean_test_score"],
        alone.cv_results_["mean_test_score"],
        atol=0.02,
    )
    assert joint.best_params_ == alone.best_params_


@RESOURCES
def test_draws_of_the_space_are_halved(make, resource, attribute, data):
    space = search_space(make()) | {"hidden_layer_sizes": [(8, 6), (6, 8)]}
    search = HalvingRandomSearchCV(
        param_distributions=space, n_candidates=4, **halving(make, resource)
    )
    with together():
        search.fit(*data)
    assert size(search.best_estimator_, attribute) == 4


class Reports(Callback):
    """Report each epoch to a trial of Optuna's, and end those that fall behind."""

    def __init__(self, trial):
        self.trial = trial

    def on_epoch_end(self, net, **kwargs):
        optuna = pytest.importorskip("optuna")
        self.trial.report(net.history[-1]["valid_loss"], len(net.history))
        if self.trial.should_prune():
            raise optuna.TrialPruned


def study_of(objective, pruner):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner
    )
    study.optimize(objective, n_trials=4)
    return [trial.state.name for trial in study.trials], study


@pytest.mark.filterwarnings("ignore::UserWarning:optuna")
def test_optuna_prunes_by_a_callback(make, data):
    optuna = pytest.importorskip("optuna")
    X, y = data
    models = []

    def objective(trial):
        lr = trial.suggest_categorical("lr", [1e-2, 1e-5])
        model = make(**CONSTANT | {"lr": lr, "early_stopping": True})
        models.append(model.set_params(callbacks=[Reports(trial)]))
        return -model.fit(X, y).validation_scores_.mean(axis=1).max()

    limit = optuna.pruners.ThresholdPruner(upper=0.0)
    states, _ = study_of(objective, limit)
    assert states == ["PRUNED"] * 4
    assert not any(hasattr(model, "net_") for model in models)
    states, study = study_of(objective, optuna.pruners.NopPruner())
    assert states == ["COMPLETE"] * 4
    assert np.isfinite(study.best_value)


@pytest.mark.filterwarnings("ignore::UserWarning:optuna")
def test_optuna_prunes_between_calls_of_partial_fit(make, data):
    optuna = pytest.importorskip("optuna")
    X, y = data
    models = []

    def objective(trial):
        model = make(**CONSTANT | {"lr": trial.suggest_float("lr", 1e-3, 1e-2)})
        models.append(model)
        for step in range(3):
            score = model.partial_fit(X, y).score(X, y)
            trial.report(score, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return score

    pruner = optuna.pruners.ThresholdPruner(lower=np.inf, n_warmup_steps=1)
    assert study_of(objective, pruner)[0] == ["PRUNED"] * 4
    assert [len(model.history_) for model in models] == [2] * 4
    assert all(np.isfinite(predicted(model, X)).all() for model in models)
