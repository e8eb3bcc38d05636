"""What learns is seeded, paired, and set up as its protocol says."""

import pytest

from benchmarks import estimators
from benchmarks.estimators import PROTOCOLS, build, fingerprint, trains_together
from benchmarks.jobs import Method
from sk_mixup import MixupClassifier
from tests.benchmarks.test_jobs import job


def test_the_paper_protocol_is_that_of_section_3_6():
    params = build(job(epochs=10)).get_params()
    paper = MixupClassifier.paper(alpha=0.4, random_state=0).get_params()
    assert params == paper
    assert params["hidden_layer_sizes"] == (128, 128)
    assert params["max_epochs"] == PROTOCOLS["paper"].epochs == 10
    assert (params["batch_size"], params["lr"]) == (16, 1e-3)
    assert (params["standardize"], params["lr_schedule"]) == (False, "constant")
    assert params["weights_per"] == "batch"


def test_the_default_protocol_is_the_default():
    epochs = PROTOCOLS["default"].epochs
    one = build(job(protocol="default", epochs=epochs, seed=3))
    assert one.get_params() == MixupClassifier(alpha=0.4, random_state=3).get_params()


def test_a_method_has_the_last_word():
    method = Method.mixup("odd", batch_size=8, dropout=0.5, alpha=0.1)
    params = build(job(method=method, seed=7), "auto").get_params()
    assert (params["batch_size"], params["dropout"], params["alpha"]) == (8, 0.5, 0.1)
    assert (params["random_state"], params["device"]) == (7, "auto")


NETWORKS = Method.mixup("ERM", alpha=0.0)
SEARCH = Method("best", (), "mixup_search")


@pytest.mark.parametrize(
    ("protocol", "method", "changes"),
    [
        ("default", NETWORKS, True),
        ("default", SEARCH, True),
        ("default", Method.mixup("rate", lr=0.5), False),
        ("paper", NETWORKS, False),
        ("plain", NETWORKS, False),
        ("default", Method("forest", (), "forest"), False),
    ],
)
def test_a_fingerprint_changes_with_the_defaults_that_a_job_takes(
    protocol, method, changes, monkeypatch
):
    one = job(protocol=protocol, method=method)
    before = fingerprint(one)
    monkeypatch.setitem(MixupClassifier.__init__.__kwdefaults__, "lr", 0.5)
    assert (fingerprint(one) != before) == changes


def test_a_fingerprint_knows_among_what_is_searched(monkeypatch):
    before = fingerprint(job(method=SEARCH))
    assert before == fingerprint(job(method=SEARCH))
    monkeypatch.setattr(estimators, "ALPHAS_TO_TRY", (0.1, 0.2))
    assert fingerprint(job(method=SEARCH)) != before


def test_only_networks_of_this_package_train_together():
    assert trains_together(job())
    assert not trains_together(job(method=Method("forest", (), "forest")))
