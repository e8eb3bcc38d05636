"""What scikit-learn fits inside ``together`` is trained together, with its results.

A case fails if a release of scikit-learn or joblib hands its tasks over otherwise.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
from sklearn import model_selection as ms
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFECV, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import (
    OneVsOneClassifier,
    OneVsRestClassifier,
    OutputCodeClassifier,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sk_mixup
from sk_mixup import MixupClassifier, MixupRegressor
from sk_mixup.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_validate,
    together,
)
from tests.twins import SMALL

ROOT = Path(sk_mixup.__file__).parent
GRID = {"alpha": [0, 0.4, 1]}


def network(**params):
    return MixupClassifier(**(SMALL | params))


def pipeline():
    return make_pipeline(StandardScaler(), network())


def search_results(search):
    """Return how to fit a search, and its scores."""

    def fit(X, y):
        results = clone(search).fit(X, y).cv_results_
        return [results[name] for name in results if name.startswith("split")]

    return fit


def probabilities(meta):
    """Return how to fit a meta-estimator, and its probabilities."""
    return lambda X, y: clone(meta).fit(X, y).predict_proba(X)


def of_regressor(meta):
    return lambda X, y: clone(meta).fit(X, X[:, 0] + y).predict(X)


def multioutput(X, y):
    meta = MultiOutputClassifier(network()).fit(X, np.c_[y, y > 0, X[:, 0] > 0])
    return meta.predict_proba(X)


def last_scores(results):
    return [results["test_score"], results["train_score"]]


class Weighing(MixupClassifier):
    """A network with an importance of features."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.feature_importances_ = np.abs(X.T @ self.predict_proba(X)).sum(1)
        return self


VOTERS = [("a", network()), ("b", network(alpha=1)), ("c", pipeline())]
REGRESSORS = [
    ("a", MixupRegressor(**SMALL)),
    ("b", MixupRegressor(alpha=1, **SMALL)),
]
INNER = ms.GridSearchCV(network(), GRID, cv=3)
FOLDS = ms.StratifiedKFold(3)

# What is run, and how many estimators each training has.
CASES = {
    "GridSearchCV": (search_results(ms.GridSearchCV(network(), GRID, cv=4)), [12]),
    "GridSearchCV of pipelines": (
        search_results(
            ms.GridSearchCV(
                pipeline(), {"mixupclassifier__alpha": [0, 1]}, cv=4, refit=False
            )
        ),
        [8],
    ),
    "RandomizedSearchCV": (
        search_results(
            ms.RandomizedSearchCV(network(), GRID, n_iter=2, cv=4, random_state=0)
        ),
        [8],
    ),
    "HalvingGridSearchCV": (
        search_results(ms.HalvingGridSearchCV(network(), GRID, cv=2, random_state=0)),
        [6, 2],
    ),
    "HalvingRandomSearchCV": (
        search_results(
            ms.HalvingRandomSearchCV(
                network(), GRID, n_candidates=3, cv=2, random_state=0
            )
        ),
        [6, 2],
    ),
    "cross_validate": (
        lambda X, y: last_scores(
            ms.cross_validate(network(), X, y, cv=4, return_train_score=True)
        ),
        [4],
    ),
    "cross_val_score": (lambda X, y: ms.cross_val_score(network(), X, y, cv=4), [4]),
    "cross_val_predict": (
        lambda X, y: ms.cross_val_predict(
            pipeline(), X, y, cv=4, method="predict_proba"
        ),
        [4],
    ),
    "learning_curve": (
        lambda X, y: ms.learning_curve(
            network(),
            X,
            y,
            cv=FOLDS,
            train_sizes=[0.5, 1.0],
            shuffle=True,
            random_state=0,
        )[1:],
        [6],
    ),
    "learning_curve, incremental": (
        lambda X, y: ms.learning_curve(
            network(),
            X,
            y,
            cv=FOLDS,
            train_sizes=[0.5, 1.0],
            shuffle=True,
            random_state=0,
            exploit_incremental_learning=True,
        )[1:],
        [],
    ),
    "validation_curve": (
        lambda X, y: ms.validation_curve(
            network(), X, y, param_name="alpha", param_range=[0, 1], cv=FOLDS
        ),
        [6],
    ),
    "permutation_test_score": (
        lambda X, y: ms.permutation_test_score(
            network(), X, y, cv=FOLDS, n_permutations=4, random_state=0
        )[:2],
        [4, 4, 4],
    ),
    "StackingClassifier": (
        probabilities(StackingClassifier(VOTERS, LogisticRegression(), cv=3)),
        [3, 9],
    ),
    "StackingRegressor": (
        of_regressor(StackingRegressor(REGRESSORS, LinearRegression(), cv=3)),
        [2, 6],
    ),
    "VotingClassifier": (probabilities(VotingClassifier(VOTERS, voting="soft")), [3]),
    "CalibratedClassifierCV": (
        probabilities(CalibratedClassifierCV(network(), cv=3)),
        [3],
    ),
    "CalibratedClassifierCV, one classifier": (
        probabilities(CalibratedClassifierCV(network(), cv=3, ensemble=False)),
        [3],
    ),
    "BaggingClassifier": (
        probabilities(BaggingClassifier(network(), 6, random_state=0)),
        [2, 2, 2],
    ),
    "BaggingClassifier of many": (
        probabilities(BaggingClassifier(network(), 70, random_state=0, n_jobs=-1)),
        [64, 6],
    ),
    "MultiOutputClassifier": (multioutput, [3]),
    "OneVsRestClassifier": (probabilities(OneVsRestClassifier(network())), [3]),
    "OneVsOneClassifier": (
        lambda X, y: OneVsOneClassifier(network()).fit(X, y).decision_function(X),
        [3],
    ),
    "OutputCodeClassifier": (
        lambda X, y: (
            OutputCodeClassifier(network(), code_size=2, random_state=0)
            .fit(X, y)
            .predict(X)
        ),
        [4],
    ),
    "permutation_importance": (
        lambda X, y: (
            permutation_importance(
                network().fit(X, y), X, y, n_repeats=2, random_state=0
            ).importances
        ),
        [],
    ),
    "SequentialFeatureSelector": (
        lambda X, y: (
            SequentialFeatureSelector(network(), n_features_to_select=2, cv=3)
            .fit(X, y)
            .get_support()
        ),
        [3] * 7,
    ),
    "RFECV": (
        lambda X, y: (
            RFECV(Weighing(**SMALL), cv=3).fit(X, y).cv_results_["mean_test_score"]
        ),
        [3, 3, 3, 3],
    ),
    "TunedThresholdClassifierCV": (
        lambda X, y: (
            ms.TunedThresholdClassifierCV(network(), cv=3).fit(X, y > 0).best_score_
        ),
        [3],
    ),
    "nested cross-validation": (
        lambda X, y: ms.cross_val_score(clone(INNER), X, y, cv=2),
        [18, 2],
    ),
    "cross-validated voting": (
        lambda X, y: ms.cross_val_predict(
            VotingClassifier(VOTERS, voting="soft"), X, y, cv=2, method="predict_proba"
        ),
        [6],
    ),
    "search of a wrapped regressor": (
        lambda X, y: (
            ms.GridSearchCV(
                TransformedTargetRegressor(
                    REGRESSORS[0][1], transformer=StandardScaler()
                ),
                {"regressor__alpha": [0, 1]},
                cv=3,
                refit=False,
            )
            .fit(X, X[:, 0])
            .cv_results_["mean_test_score"]
        ),
        [6],
    ),
}


def parts(results):
    return results if isinstance(results, list | tuple) else [results]


MANY = pytest.param("BaggingClassifier of many", marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "name", [*(name for name in CASES if name not in MANY.values), MANY]
)
def test_what_scikit_learn_fits_is_trained_together(name, blobs):
    run, sizes = CASES[name]
    expected = run(*blobs)
    with together() as trained:
        found = run(*blobs)
    assert trained == sizes
    for ours, theirs in zip(parts(found), parts(expected), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("search", "candidates"),
    [(GridSearchCV, {}), (RandomizedSearchCV, {"n_iter": 3, "random_state": 0})],
)
def test_a_search_of_ours_is_trained_together(search, candidates, blobs, capsys):
    made = search(network(), GRID, cv=4, verbose=1, refit=False, **candidates)
    made.fit(*blobs)
    epochs = 12 * network().max_epochs
    assert f"{epochs}/{epochs}" in capsys.readouterr().err


def test_a_cross_validation_of_ours_is_trained_together(blobs, capsys):
    cross_validate(network(), *blobs, cv=4, verbose=1)
    epochs = 4 * network().max_epochs
    assert f"{epochs}/{epochs}" in capsys.readouterr().err


def private_names(path):
    """List what a file imports from scikit-learn or joblib under a private name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] not in ("sklearn", "joblib"):
                continue
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            yield from (name for name in names if name.startswith("_"))


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_private_names_are_imported_in_one_place(path):
    assert path.name == "_sklearn.py" or not list(private_names(path))
