"""Explanations are of the columns of the frame, whatever the networks make of them."""

import doctest
import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.inspection import partial_dependence, permutation_importance

from sk_mixup import MixupClassifier
from tests.twins import SMALL, TWINS

GUIDE = Path(__file__).parents[1] / "docs" / "user_guide" / "explaining.rst"


@pytest.fixture
def frame():
    """Return a frame with a category and a gap, and a target that both move."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "size": rng.normal(size=80),
            "colour": rng.choice(["blue", "green", "red"], 80),
            "still": 1.0,
        }
    )
    y = (X["size"] + (X["colour"] == "red") > 0.3).astype(int)
    X.loc[::9, "size"] = np.nan
    return X, y


@pytest.mark.parametrize("make", TWINS)
class TestOf:
    def test_a_column_that_does_not_vary_has_no_importance(self, make, frame):
        model = make(**SMALL).fit(*frame)
        scoring = "neg_log_loss" if make is MixupClassifier else "r2"
        found = permutation_importance(
            model, *frame, scoring=scoring, n_repeats=3, random_state=0
        )
        assert (found.importances_std > 0).tolist() == [True, True, False]

    def test_partial_dependence_is_the_mean_with_the_column_set(self, make, frame):
        X, _ = frame
        model = make(**SMALL).fit(*frame)
        found = partial_dependence(
            model, X, ["colour"], categorical_features=["colour"]
        )
        levels = found["grid_values"][0]
        classes = make is MixupClassifier
        predict = (lambda X: model.predict_proba(X)[:, 1]) if classes else model.predict
        means = [predict(X.assign(colour=level)).mean() for level in levels]
        np.testing.assert_allclose(found["average"][0], means, rtol=1e-6)

    def test_sources_name_the_column_that_a_widened_column_is_of(self, make, frame):
        X, _ = frame
        model = make(**SMALL).fit(*frame)
        widen = model.to_torch().widen
        rows = torch.from_numpy(model.to_numeric(X))
        for column in range(rows.shape[1]):
            changed = rows.clone()
            changed[:, column] = rows[:, column].roll(1)
            differ = (widen(changed) != widen(rows)).any(0).numpy()
            assert set(widen.sources[differ]) <= {column}
        # size and its gaps, three colours, and what does not vary
        assert sorted(widen.sources) == [0, 0, 1, 1, 1, 2]

    def test_the_network_without_its_first_layer_takes_widened_rows(self, make, frame):
        model = make(**SMALL).fit(*frame)
        network = model.to_torch()
        rows = torch.from_numpy(model.to_numeric(frame[0]))
        before = network(rows)
        widen, network.widen = network.widen, None
        torch.testing.assert_close(network(widen(rows)), before)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # SHAP's
def test_code_of_the_guide_runs():
    pytest.importorskip("shap")
    text = GUIDE.read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, "guide", None, None)
    doctest.DocTestRunner(verbose=False).run(examples, clear_globs=False)
    names = examples.globs
    code = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text, re.M)
    for block in code:
        exec(compile(textwrap.dedent(block), "explaining.rst", "exec"), names)
        if "by_source" in block:
            network, known, asked = names["network"], names["known"], names["asked"]
            moved = (network(asked) - network(known).mean(0)).numpy()
            np.testing.assert_allclose(names["by_source"].sum(1), moved, atol=0.1)
            assert abs(names["by_source"][:, 1]).max() > 0.05  # of the colour
    moved = (names["network"](asked) - names["network"](known).mean(0)).numpy()
    np.testing.assert_allclose(names["values"].sum(1), moved, rtol=1e-3, atol=1e-4)
