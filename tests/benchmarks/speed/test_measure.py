"""Turns, ratios turn by turn, and what is measured in fresh processes."""

import math
import time

import pandas as pd
import pytest
import torch

from benchmarks.speed.measure import (
    Case,
    Comparison,
    import_time,
    in_fresh_process,
    interleaved,
    ratios,
    seconds,
)


def case_of(readings, unit="s", title="a case"):
    """Make a case that reads given numbers, the first subject against the others."""
    subjects = {
        name: iter([(value, math.nan) for value in values]).__next__
        for name, values in readings.items()
    }
    first, *others = readings
    comparisons = [Comparison(f"{first}/{name}", first, name, 2.0) for name in others]
    return Case(title, subjects, comparisons, unit)


def test_subjects_take_turns():
    case = case_of({"a": [1, 2], "b": [3, 4]})
    records = pd.DataFrame(interleaved(case, 2))
    assert records["subject"].tolist() == ["a", "b", "a", "b"]
    assert records["repeat"].tolist() == [0, 0, 1, 1]
    assert records["value"].tolist() == [1, 3, 2, 4]
    assert set(records["case"]) == {"a case"}


def test_ratios_are_of_the_same_turn():
    """What slows a whole turn down leaves its ratio as it is."""
    case = case_of({"a": [1, 30, 2], "b": [2, 60, 4], "c": [1, 10, 4]}, "MB")
    compared = ratios(pd.DataFrame(interleaved(case, 3)), [case]).set_index("case")
    assert compared.loc["a/b", ["ratio", "low", "high"]].tolist() == [0.5] * 3
    assert compared.loc["a/c", ["ratio", "low", "high"]].tolist() == [1, 0.5, 3]
    assert compared.loc["a/c", ["value", "unit", "target"]].tolist() == [2, "MB", 2]
    assert compared["cpu_ratio"].isna().all()


def test_cases_are_kept_apart():
    first = case_of({"a": [1], "b": [2]})
    second = case_of({"a": [3], "b": [2]}, title="another")
    records = [*interleaved(first, 1), *interleaved(second, 1)]
    found = ratios(pd.DataFrame(records), [first, second])["ratio"]
    assert found.tolist() == [0.5, 1.5]


def test_seconds_are_scaled():
    wall, cpu = seconds(lambda: time.sleep(0.02), 1000)
    assert wall >= 20
    assert cpu < wall  # asleep


def test_work_of_other_processes_has_no_cpu_time():
    assert math.isnan(seconds(lambda: None, elsewhere=True)[1])


def test_single_thread_is_for_the_action_alone():
    before, during = torch.get_num_threads(), []
    torch.set_num_threads(3)
    try:
        seconds(lambda: during.append(torch.get_num_threads()), single_thread=True)
        seconds(lambda: during.append(torch.get_num_threads()))
    finally:
        torch.set_num_threads(before)
    assert during == [1, 3]


def test_threads_are_put_back_after_a_failure():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        seconds(lambda: 1 / 0, single_thread=True)
    assert torch.get_num_threads() == before


def test_numbers_come_from_a_fresh_process():
    assert in_fresh_process("-c", "print(1, 2.5)") == [1, 2.5]


def test_import_is_timed_in_a_fresh_process():
    assert min(import_time("fractions")) > 0
