"""The epoch table: printed where it is asked for, whatever print is."""

import builtins
import pickle

import pytest

from sk_mixup._training.log import QuietLog
from tests.twins import SMALL, TWINS

pytestmark = pytest.mark.parametrize("make", TWINS)


@pytest.fixture
def replaced(monkeypatch):
    """Replace print, as Ray does in its workers, and return what it is given."""
    lines = []
    monkeypatch.setattr(
        builtins, "print", lambda *texts, **kwargs: lines.append(" ".join(texts))
    )
    return lines


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_replaced_print_is_used_only_if_asked_for(make, verbose, data, replaced):
    make(verbose=verbose, **SMALL).fit(*data)
    epochs = SMALL["max_epochs"]
    assert len(replaced) == (epochs + 2 if verbose else 0)  # and the two head lines


def test_a_log_that_was_pickled_is_quiet_too(make, data, replaced):
    log = pickle.loads(pickle.dumps(QuietLog()))
    make(callbacks=[("log", log)], **SMALL).fit(*data)
    assert not replaced


def test_a_log_that_goes_elsewhere_needs_no_verbose(make, data, capsys):
    lines = []
    elsewhere = {"callbacks__print_log__sink": lines.append}
    make(net_params=elsewhere, **SMALL).fit(*data)
    assert len(lines) == SMALL["max_epochs"] + 2
    assert not capsys.readouterr().out


def test_the_table_may_be_left_out(make, data, capsys):
    make(net_params={"callbacks__print_log": None}, verbose=1, **SMALL).fit(*data)
    assert not capsys.readouterr().out
