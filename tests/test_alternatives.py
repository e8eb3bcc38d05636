"""The page on alternatives says what these estimators take."""

import re
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from sk_mixup import MixupClassifier, MixupRegressor

PAGE = Path(__file__).parents[1] / "docs" / "user_guide" / "alternatives.rst"
RNG = np.random.default_rng(0)
N_ROWS = 120
NUMBERS = RNG.normal(size=(N_ROWS, 3))
TARGET, LABELS = NUMBERS[:, 0], (NUMBERS[:, 0] > 0).astype(int)
LABEL_SETS = (NUMBERS[:, :2] > 0).astype(int)
FRAME = pd.DataFrame(
    {
        "number": NUMBERS[:, 0],
        "level": pd.Categorical(RNG.choice(["a", "b", "c"], N_ROWS)),
    }
)
TEXT = FRAME.assign(level=FRAME["level"].astype(str))
ABSENT = RNG.random(N_ROWS) < 0.1
UNSEEN = pd.DataFrame({"number": [0.1], "level": pd.Categorical(["new"])})

# What a row of the first table says is tried by (classifier, its parameters for named
# categories and for labels, regressor).
TRIALS = {
    "column of categories": lambda e: e.named().fit(FRAME, LABELS),
    "column of text, as levels": lambda e: e.named().fit(TEXT, LABELS),
    "missing numbers": lambda e: e.named().fit(
        FRAME.assign(number=FRAME["number"].mask(ABSENT)), LABELS
    ),
    "missing categories": lambda e: e.named().fit(
        FRAME.assign(level=FRAME["level"].where(~ABSENT)), LABELS
    ),
    "levels unseen in ``fit``": lambda e: e.named().fit(FRAME, LABELS).predict(UNSEEN),
    "sparse matrix": lambda e: e.plain().fit(sparse.csr_matrix(NUMBERS), LABELS),
    "sample weights": lambda e: e.plain().fit(
        NUMBERS, LABELS, sample_weight=np.ones(N_ROWS)
    ),
    "multilabel targets": lambda e: e.labels().fit(NUMBERS, LABEL_SETS),
    "several real targets": lambda e: e.targets().fit(NUMBERS, NUMBERS[:, :2]),
    "``partial_fit``": lambda e: e.plain().partial_fit(NUMBERS, LABELS),
}


class Trial:
    """The estimators of a package, with the parameters that the page names."""

    errors = (ValueError, TypeError, AttributeError)  # by which they say no

    def __init__(self, classifier, regressor, named=None, labels=None, targets=None):
        self.plain = classifier
        self.named = partial(classifier, **(named or {}))
        self.labels = partial(classifier, **(labels or {}))
        self.targets = partial(regressor, **(targets or {}))


def of_sk_mixup():
    small = {"n_estimators": 1, "max_epochs": 1}
    return Trial(partial(MixupClassifier, **small), partial(MixupRegressor, **small))


def of_boosting():
    small = {"max_iter": 2}
    return Trial(
        partial(HistGradientBoostingClassifier, **small),
        partial(HistGradientBoostingRegressor, **small),
    )


def of_catboost():
    catboost = pytest.importorskip("catboost")
    small = {
        "iterations": 2,
        "verbose": 0,
        "allow_writing_files": False,
        "thread_count": 1,
    }
    trial = Trial(
        partial(catboost.CatBoostClassifier, **small),
        partial(catboost.CatBoostRegressor, **small),
        {"cat_features": ["level"]},
        {"loss_function": "MultiLogloss"},
        {"loss_function": "MultiRMSE"},
    )
    trial.errors += (catboost.CatBoostError,)
    return trial


def of_realmlp():
    pytabkit = pytest.importorskip("pytabkit")
    small = {"n_epochs": 1, "device": "cpu", "random_state": 0}
    return Trial(
        partial(pytabkit.RealMLP_TD_Classifier, **small),
        partial(pytabkit.RealMLP_TD_Regressor, **small),
    )


PACKAGES = [of_sk_mixup, of_boosting, of_catboost, of_realmlp]


@cache
def claims():
    """Map the rows of the first table to the cells of the packages."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("Tables and targets\n---")[2].partition("\nTraining\n---")[0]
    rows = re.findall(r"^   \* - (.+)\n((?:     .+\n)+)", table, re.MULTILINE)
    return {name: re.findall(r"^     - (.+)", cells, re.M) for name, cells in rows}


def test_every_row_is_tried():
    assert list(claims()) == list(TRIALS)


@pytest.mark.filterwarnings("ignore")  # of other packages
@pytest.mark.parametrize("row", TRIALS)
@pytest.mark.parametrize("package", PACKAGES)
def test_cell_is_true(package, row):
    estimators = package()
    claim = claims()[row][PACKAGES.index(package)]
    assert claim.startswith(("yes", "no"))
    if claim.startswith("yes"):
        TRIALS[row](estimators)
    else:
        works = TARGET if row == "several real targets" else LABELS
        kind = estimators.targets if works is TARGET else estimators.plain
        kind().fit(NUMBERS, works)  # so that what fails is the row's own matter
        with pytest.raises(estimators.errors):
            TRIALS[row](estimators)


def test_number_of_parameters_is_true():
    text = PAGE.read_text(encoding="utf-8")
    row = re.search(r"   \* - parameters of the classifier\n     - (\d+)\n", text)
    assert int(row[1]) == len(MixupClassifier().get_params())
