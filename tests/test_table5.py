"""The lines of the user guide for Table 5 of arXiv 1710.09412, section 3.8."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from sk_mixup import MixupClassifier

PAGE = Path(__file__).parents[1] / "docs" / "user_guide" / "vicinities.rst"
ROW = re.compile(
    r"   \* - (.+)\n     -(?: (.+))?\n     - ``(MixupClassifier\(.*\))``", re.MULTILINE
)
TABLE = ROW.findall(PAGE.read_text(encoding="utf-8"))
PAIRINGS = {
    "AC + RP": "random",
    "AC + KNN": "neighbors",
    "SC + RP": "same_class",
    "SC + KNN": "same_class_neighbors",
}


def estimator(line):
    return eval(line, {"MixupClassifier": MixupClassifier})


def probabilities(line, blobs):
    model = estimator(line).set_params(max_epochs=2, random_state=0)
    return model.fit(*blobs).predict_proba(blobs[0])


def test_table_has_eleven_methods():
    assert len(TABLE) == len({line for *_, line in TABLE}) == 11


@pytest.mark.parametrize(("method", "pairs", "line"), TABLE)
def test_line_says_what_its_row_says(method, pairs, line):
    model = estimator(line)
    assert (model.alpha > 0) == bool(pairs)
    assert model.pairing == PAIRINGS.get(pairs, "random")
    assert (model.mix_target == "dominant") == method.startswith("mix inputs")
    assert (model.label_smoothing > 0) == ("label smoothing" in method)
    assert (model.noise_std > 0) == (method == "Gaussian noise")
    assert (model.mix_layer != "input") == ("latent" in method)


@pytest.mark.parametrize("line", [line for *_, line in TABLE])
def test_line_trains(line, blobs):
    np.testing.assert_allclose(probabilities(line, blobs).sum(axis=1), 1, rtol=1e-5)


def test_no_two_lines_train_the_same_network(blobs):
    found = [probabilities(line, blobs) for *_, line in TABLE]
    for one, other in itertools.combinations(found, 2):
        assert not np.allclose(one, other)
