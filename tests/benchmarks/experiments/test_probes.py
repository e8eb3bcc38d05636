"""Attacks, segments, surfaces and the ablation measure what they say."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from benchmarks import splits
from benchmarks.experiment import options_from_dict
from benchmarks.experiments import ablation, adversarial, between, suite, surface
from benchmarks.paper import TABLE_5
from benchmarks.work import Runtime, Training
from tests.benchmarks.experiments import toys as made


def records(module, **given):
    experiment = module.EXPERIMENT
    jobs = experiment.jobs(
        experiment.options(**{**made.TINY[experiment.name], **given})
    )
    jobs = [job for job in jobs if job.dataset == jobs[0].dataset]
    return dict(experiment.work.do(jobs, Runtime()))


def test_no_attack_gives_the_clean_error(toys):
    attacked = records(adversarial)
    clean = dict(Training().do(list(attacked), Runtime()))
    for job, rows in attacked.items():
        frame = pd.DataFrame(rows)
        unharmed = frame.loc[frame["epsilon"] == 0, "error"]
        assert len(unharmed) == 4
        assert unharmed.to_numpy() == pytest.approx(clean[job][0]["error"])


def test_white_attacks_hurt_more_the_stronger_they_are(toys):
    for rows in records(adversarial, epochs=30).values():
        frame = pd.DataFrame(rows)
        white = frame[(frame["box"] == "white") & (frame["attack"] == "I-FGSM")]
        errors = white.sort_values("epsilon")["error"].to_numpy()
        assert errors[-1] > errors[0]


def test_black_box_examples_come_from_another_network(toys):
    job = next(iter(records(adversarial)))
    (source,) = adversarial.source(job)
    assert source.method.name != job.method.name
    assert source.seed != job.seed
    assert dict(source.method.params)["alpha"] == 0
    assert source.unit == job.unit
    seeds = {one.seed for one in adversarial.EXPERIMENT.jobs(_many())}
    assert source.seed not in seeds


def _many():
    return adversarial.EXPERIMENT.options(folds=10, repeats=100)


def test_all_methods_are_probed_at_the_same_places(toys):
    found = records(between)
    frames = [pd.DataFrame(rows) for rows in found.values()]
    assert all(np.allclose(frame["lam"], np.linspace(0, 1, 11)) for frame in frames)
    assert all(frame["miss_rate"].between(0, 1).all() for frame in frames)
    assert all((frame["gradient_norm"] > 0).all() for frame in frames)


def test_a_surface_is_drawn_where_the_rows_are(toys):
    for job, (record,) in records(surface).items():
        left, right, bottom, top = record["extent"]
        X = splits.split(job).X_train
        assert left < X[:, 0].min() < X[:, 0].max() < right
        assert bottom < X[:, 1].min() < X[:, 1].max() < top
        grid = np.array(record["surface"])
        assert grid.shape == (surface.SIDE, surface.SIDE)
        assert 0 <= grid.min() <= grid.max() <= 1
        assert np.array_equal(np.shape(record["rows"]), X.shape)


def test_a_surface_has_its_first_row_at_the_bottom(toys):
    for job, (record,) in records(surface, epochs=30).items():
        X, grid = splits.split(job).X_train, np.array(record["surface"])
        left, right, bottom, top = record["extent"]
        column = ((X[:, 0] - left) / (right - left) * (surface.SIDE - 1)).round()
        row = ((X[:, 1] - bottom) / (top - bottom) * (surface.SIDE - 1)).round()
        near = grid[row.astype(int), column.astype(int)] > 0.5
        assert np.mean(near != splits.split(job).y_train) == pytest.approx(
            record["error"], abs=0.05
        )


def test_every_row_of_table_5_that_two_layers_allow_is_there():
    rows = {(family, variant) for family, variant, _ in ablation.variants()}
    missing = set(TABLE_5.index) - rows
    assert missing == {(ablation.LATENT, f"layer {i}") for i in (3, 4, 5)}


def test_the_ablation_takes_one_alpha():
    with pytest.raises(ValueError, match="one value of --alphas"):
        ablation.EXPERIMENT.jobs(ablation.EXPERIMENT.options(alphas=(1.0, 2.0)))


def test_a_suite_is_asked_for_by_its_number(monkeypatch):
    monkeypatch.setattr(
        "benchmarks.datasets.suite_members", lambda number: [f"openml_{number}", "iris"]
    )
    assert suite.EXPERIMENT.options(suite=99).datasets == ("openml_99", "iris")
    with pytest.raises(ValueError, match="either --suite or --datasets"):
        suite.EXPERIMENT.options(suite=99, datasets=("iris",))


NETWORKS = ["ERM", "mixup 0.2", "ERM, 1 network", "mixup 0.2, 1 network"]


def test_rivals_are_those_that_are_installed_or_asked_for():
    names = [m.name for m in suite.methods(suite.EXPERIMENT.options())]
    assert names[:4] == NETWORKS
    assert {"random forest", "logistic regression", "MLPClassifier"} <= set(names)
    for rivals, wanted in (((), []), (("mlp", "mlp"), ["MLPClassifier"])):
        options = suite.EXPERIMENT.options(rivals=rivals)
        assert [m.name for m in suite.methods(options)] == NETWORKS + wanted
    with pytest.raises(ValueError, match="unknown rival 'svm'; known: logistic, "):
        suite.methods(suite.EXPERIMENT.options(rivals=("svm",)))


def test_a_rival_that_is_no_longer_installed_keeps_its_results(monkeypatch):
    asked = asdict(suite.EXPERIMENT.options(rivals=("forest", "realmlp")))
    monkeypatch.setattr("benchmarks.experiments.suite.names", lambda: ["forest"])
    read = options_from_dict(json.loads(json.dumps(asked)))
    names = [m.name for m in suite.methods(read)]
    assert names == [*NETWORKS, "random forest", "RealMLP"]
