"""What the searches rely on in scikit-learn: fails where a release changes it."""

import ast
from pathlib import Path

import numpy as np
import pytest
from sklearn import model_selection as sklearns
from sklearn.model_selection import _search, _validation

import sk_mixup
from sk_mixup import MixupClassifier
from sk_mixup import _many as many
from sk_mixup.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from tests.twins import SMALL

ROOT = Path(sk_mixup.__file__).parent
GRID = {"alpha": [0, 0.4, 1]}


@pytest.fixture
def programs(monkeypatch):
    """Collect how many estimators are trained by each program."""
    sizes = []

    def spied(problems, *args):
        sizes.append(len(problems))
        return train(problems, *args)

    train = many.train_problems
    monkeypatch.setattr(many, "train_problems", spied)
    return sizes


@pytest.mark.parametrize(
    ("search", "candidates"),
    [(GridSearchCV, {}), (RandomizedSearchCV, {"n_iter": 3, "random_state": 0})],
)
def test_a_search_is_trained_as_one_program(search, candidates, blobs, programs):
    search(MixupClassifier(**SMALL), GRID, cv=4, refit=False, **candidates).fit(*blobs)
    assert programs == [12]


def test_a_cross_validation_is_trained_as_one_program(blobs, programs):
    cross_validate(MixupClassifier(**SMALL), *blobs, cv=4)
    assert programs == [4]


def renamed(*args, **kwargs):
    return _validation._fit_and_score(*args, **kwargs)


renamed.__module__ = _validation.__name__


def test_another_name_of_the_task_is_warned_of(blobs, programs, monkeypatch):
    monkeypatch.setattr(_search, "_fit_and_score", renamed)
    search = GridSearchCV(MixupClassifier(**SMALL), GRID, cv=3)
    with pytest.warns(UserWarning, match=r"does not know \(renamed\)"):
        search.fit(*blobs)
    assert max(programs) == 1
    expected = sklearns.GridSearchCV(MixupClassifier(**SMALL), GRID, cv=3).fit(*blobs)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


def test_another_shape_of_the_task_is_warned_of(blobs, monkeypatch):
    monkeypatch.setattr(
        "sk_mixup.model_selection._together.NEEDED_ARGUMENTS", {"train", "rows"}
    )
    search = GridSearchCV(MixupClassifier(**SMALL), GRID, cv=3)
    with pytest.warns(UserWarning, match="does not know"):
        search.fit(*blobs)
    assert search.best_score_ > 0


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
