"""Numbers that go by the rows of a table."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sk_mixup import MixupClassifier
from sk_mixup._training.settings import Settings
from tests.twins import SMALL, TWINS, assert_same_predictions

both = pytest.mark.parametrize("make", TWINS)
AUTO = {"batch_size": "auto", "max_epochs": "auto", "n_iter_no_change": "auto"}
OF_SMALL = {"batch_size": 64, "max_epochs": 100, "n_iter_no_change": 20}
QUICK = {**SMALL, "max_epochs": 1, "hidden_layer_sizes": 2}


def numbers(n_rows, **params):
    params = MixupClassifier(**params).get_params()
    settings = Settings(pairings={}, **params).for_rows(n_rows)
    return {name: getattr(settings, name) for name in AUTO}


@both
def test_defaults_are_those_of_the_table(make):
    params = make().get_params()
    assert {name: params[name] for name in AUTO} == AUTO


@pytest.mark.parametrize("n_rows", [0, 1, 100, 10_000, 14_142])
def test_small_tables_have_the_same_numbers(n_rows):
    assert numbers(n_rows) == OF_SMALL


def test_the_docstring_says_what_large_tables_have():
    assert numbers(100_000) == {
        "batch_size": 181,
        "max_epochs": 25,
        "n_iter_no_change": 5,
    }


def test_the_guide_says_what_tables_have():
    page = Path(__file__).parents[1] / "docs/user_guide/large_tables.rst"
    table = page.read_text(encoding="utf-8").partition("* - rows")[2]
    cells = re.findall(r"^ +[*-].*?([\d,]+)$", table.partition("\n\n")[0], re.MULTILINE)
    rows = np.array([int(cell.replace(",", "")) for cell in cells]).reshape(-1, 4)
    assert len(rows) == 4
    for n_rows, *expected in rows.tolist():
        assert list(numbers(n_rows).values()) == expected


def test_doublings_enlarge_minibatches_and_spare_epochs_down_to_ten():
    rows = [10_000 * 2**doublings for doublings in range(11)]
    for less, more in pairwise(map(numbers, rows)):
        larger = more["batch_size"] / less["batch_size"]
        assert larger == pytest.approx(2**0.5, rel=0.02)
        fewer = less["max_epochs"] / 2 ** (2 / 3)
        assert more["max_epochs"] == pytest.approx(max(10, fewer), abs=1)
        assert more["n_iter_no_change"] * 5 == pytest.approx(more["max_epochs"], abs=2)


def test_between_doublings_tables_have_the_same_numbers():
    assert numbers(14_143) == numbers(28_284) != numbers(28_285)


def test_what_is_given_stays():
    given = {"batch_size": 8, "max_epochs": 9, "n_iter_no_change": 10}
    assert numbers(10**6, **given) == given
    assert numbers(10**6, max_epochs=9)["batch_size"] == numbers(10**6)["batch_size"]


@both
@pytest.mark.parametrize("n_rows", [100, 15_000])
def test_auto_trains_as_its_numbers_do(make, n_rows, rng):
    X = rng.normal(size=(n_rows, 2)).astype(np.float32)
    y = X[:, 0] > 0
    by_hand = {"batch_size": numbers(n_rows)["batch_size"]}
    auto, other = (
        make(**QUICK | size).fit(X, y) for size in ({"batch_size": "auto"}, by_hand)
    )
    assert_same_predictions(auto, other, X[:100])


@both
def test_rows_without_weight_do_not_count(make, rng):
    X = rng.normal(size=(15_000, 2)).astype(np.float32)
    y, weight = X[:, 0] > 0, np.ones(len(X))
    weight[1_000:] = 0
    auto = QUICK | {"batch_size": "auto"}
    weighted = make(**auto).fit(X, y, weight)
    without = make(**auto).fit(X[:1_000], y[:1_000])
    assert_same_predictions(weighted, without, X[:100], atol=1e-5)


@both
def test_epochs_that_do_not_fit_a_large_table_are_refused(make, rng):
    X = rng.normal(size=(15_000, 1)).astype(np.float32)
    model = make(**QUICK | {"max_epochs": "auto", "warmup_epochs": 80})
    with pytest.raises(
        ValueError, match=r"warmup_epochs=80 .* more than max_epochs=63"
    ):
        model.fit(X, X[:, 0] > 0)


@both
@pytest.mark.parametrize("name", list(AUTO))
def test_other_words_are_refused(make, name, blobs):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        make(**{name: "automatic"}).fit(*blobs)
