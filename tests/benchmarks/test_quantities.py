"""Quantities are shown in readable units and judged in the right direction."""

import pytest

from benchmarks.quantities import Quantity, quantity


@pytest.mark.parametrize("name", ["error", "best_error", "last_error", "miss_rate"])
def test_errors_are_percent(name):
    assert quantity(name).scale == 100
    assert quantity(name).label.endswith("(%)")


def test_only_the_area_under_the_curve_is_better_high():
    names = ["error", "log_loss", "brier", "ece", "auc", "fit_seconds"]
    assert [name for name in names if quantity(name).higher_is_better] == ["auc"]


def test_an_unknown_column_is_shown_as_it_is():
    assert quantity("energy_used") == Quantity("energy used")
