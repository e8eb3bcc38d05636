"""Parameters are the same if they have the same value."""

import copy
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from sk_mixup._training.equality import same_value, snapshot

LONG = np.arange(10_000.0)
CHANGED = np.where(LONG == 5000, -1, LONG)
NAN = float("nan")

SAME = [
    (1e-8, np.float64(1e-8)),
    (1, np.int64(1)),
    (True, np.True_),
    (NAN, np.float64(NAN)),
    ("a", "a"),
    ((1, 2), [1, 2]),
    ((1, 2), np.array([1, 2])),
    (LONG, LONG.copy()),
    (LONG, LONG.astype(np.float32)),
    (np.array([1, NAN]), np.array([1, NAN])),
    (np.array(3), np.array(3)),
    (
        np.array(["a", None, NAN], dtype=object),
        np.array(["a", None, NAN], dtype=object),
    ),
    (np.array(["a", "b"]), ["a", "b"]),
    (torch.tensor([1.0, NAN]), torch.tensor([1.0, NAN])),
    ({"a": [1, {"b": LONG}], "c": 2}, {"c": 2.0, "a": (1, {"b": LONG.copy()})}),
    (partial(int, "7", base=8), partial(int, "7", base=8)),
    ({1, 2}, {2, 1}),
    (torch.float32, torch.float32),
    (None, None),
]
DIFFERENT = [
    (1e-8, np.float64(1.0000000001e-8)),
    (LONG, CHANGED),
    (torch.from_numpy(LONG), torch.from_numpy(CHANGED)),
    ({"a": {"b": (LONG,)}}, {"a": {"b": (CHANGED,)}}),
    (list(LONG), list(CHANGED)),
    (LONG, LONG[:-1]),
    (LONG.reshape(2, -1), LONG),
    (np.array([[1, 2]]), np.array([1, 2])),
    (NAN, 0.0),
    (NAN, None),
    ("1", 1),
    ("ab", ["a", "b"]),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1}, {"b": 1}),
    ([1, 2], {1, 2}),
    (torch.zeros(2), np.zeros(2)),
    (torch.zeros(2), 0.0),
    (partial(int, base=8), partial(int, base=10)),
    (object(), object()),
    (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]})),
]


def name(value):
    return f"{type(value).__name__}"


@pytest.mark.parametrize(("one", "other"), SAME, ids=name)
def test_what_has_one_value_is_the_same(one, other):
    assert same_value(one, other)
    assert same_value(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=name)
def test_what_differs_anywhere_is_not_the_same(one, other):
    assert not same_value(one, other)
    assert not same_value(other, one)


class Rude:
    """An object that does not want to be compared."""

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


@pytest.mark.parametrize("thing", [Rude(), object(), pd.DataFrame({"a": [NAN]})])
def test_what_cannot_be_compared_is_the_same_as_itself_only(thing):
    assert same_value({"a": thing}, {"a": thing})
    assert not same_value({"a": thing}, {"a": copy.copy(thing)})


@pytest.mark.parametrize("value", [one for one, _ in SAME], ids=name)
def test_a_snapshot_has_the_same_value(value):
    assert same_value(snapshot(value), value)


def test_changes_do_not_reach_a_snapshot():
    value = {"a": [np.zeros(3), torch.zeros(3)], "b": ({"c": 1},)}
    before = snapshot(value)
    again = snapshot(value)
    value["a"][0][1] = 1
    assert not same_value(before, value)
    value["a"][0][1] = 0
    assert same_value(before, value)
    value["a"][1][2] = 1
    assert not same_value(before, value)
    value["a"][1][2] = 0
    value["b"][0]["c"] = 2
    assert not same_value(before, value)
    assert same_value(before, again)
