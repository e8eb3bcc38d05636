"""Networks on arrays have the paper's recipes, and are tested on other rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.command_line import main
from benchmarks.datasets import Arrays
from benchmarks.experiments import images, spectrograms
from benchmarks.experiments._arrays import held_out
from benchmarks.paper import FIGURE_3A, FIGURE_4

RNG = np.random.default_rng(0)
DATA = Arrays(
    RNG.normal(3, 2, size=(60, 2, 4, 4)).astype(np.float32), np.arange(60) % 3
)


def models(module, **given):
    experiment = module.EXPERIMENT
    jobs = experiment.jobs(experiment.options(**given))
    return {job: module.STUDY.build(job, (1, 8, 8), 10, "cpu") for job in jobs}


def test_images_have_the_recipe_of_section_3_2():
    for job, model in models(images, epochs=200, datasets=("cifar_10",)).items():
        assert [epoch * model.max_epochs for epoch in model.lr_milestones] == [100, 150]
        assert (model.lr, model.lr_gamma, model.weight_decay) == (0.1, 0.1, 1e-4)
        assert (model.optimizer, model.lr_schedule) == ("sgd", "step")
        assert model.alpha in (0, 1)
        assert "width" not in model.module_params, job


def test_spectrograms_have_the_recipe_of_section_3_3():
    for model in models(spectrograms).values():
        assert model.max_epochs == 30
        steps = [milestone * model.max_epochs for milestone in model.lr_milestones]
        assert steps == pytest.approx([10, 20])
        assert (model.lr, model.lr_gamma, model.batch_size) == (3e-3, 0.1, 100)
        warm_up = model.warmup_epochs * model.max_epochs
        assert warm_up == pytest.approx(5 if model.alpha else 0)
        assert model.clean_epochs == 0


@pytest.mark.parametrize("module", [images, spectrograms])
def test_other_widths_are_other_jobs(module, monkeypatch):
    experiment = module.EXPERIMENT
    before = experiment.jobs(experiment.options())
    for key in module.STUDY.widths:
        monkeypatch.setitem(module.STUDY.widths, key, 5)
    assert not set(before) & set(experiment.jobs(experiment.options()))


def test_each_repeat_holds_out_other_rows_of_every_class():
    parts = [held_out(DATA, repeat) for repeat in (0, 0, 1)]
    assert np.array_equal(parts[0].X_test, parts[1].X_test)
    assert not np.array_equal(parts[0].X_test, parts[2].X_test)
    for part in parts:
        assert set(np.bincount(part.y_test)) == {3, 4}
        assert part.facts["n_train"] == len(part.y_train) == 50


def test_rows_to_test_by_are_held_out():
    part = held_out(Arrays(DATA.X, DATA.y, n_test=7), 5)
    assert np.array_equal(part.y_test, DATA.y[-7:])
    assert np.array_equal(part.y_train, DATA.y[:-7])


def test_channels_are_scaled_by_the_rows_that_are_learnt():
    part = held_out(Arrays(DATA.X, DATA.y, n_test=7), 0)
    assert part.X_train.mean(axis=(0, 2, 3)) == pytest.approx(0, abs=1e-5)
    assert part.X_train.std(axis=(0, 2, 3)) == pytest.approx(1, rel=1e-4)
    moved = DATA.X.copy()
    moved[-7:] += 100
    other = held_out(Arrays(moved, DATA.y, n_test=7), 0)
    assert np.array_equal(other.X_train, part.X_train)
    assert (other.X_test > part.X_test).all()


def test_constant_channels_are_finite():
    part = held_out(Arrays(np.full((60, 1, 2, 2), 7, np.float32), DATA.y), 0)
    assert not part.X_train.any()


def test_the_paper_s_networks_stand_beside_ours():
    assert "PreAct ResNet-18" in images.STUDY.networks
    assert ("CIFAR-10", "PreAct ResNet-18") in FIGURE_3A.index
    assert set(FIGURE_4.index.get_level_values(0)) == set(spectrograms.STUDY.networks)


@pytest.fixture
def sounds(tmp_path, monkeypatch):
    """Write a small file of the user's own, with its rows to test by."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rows = DATA.X[:, :, :2, :2]
    np.savez("sounds.npz", X=rows, y=DATA.y, X_test=rows[:6], y_test=DATA.y[:6])


def test_a_file_of_the_user_s_ends_in_tables_and_is_not_learnt_again(
    sounds, monkeypatch, capsys
):
    monkeypatch.delitem(spectrograms.STUDY.networks, "VGG-11")
    words = ["spectrograms", "--npz", "sounds.npz", "--epochs", "1", "--repeats", "1"]
    assert main([*words, "--alphas", "0", "1"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "sounds.npz" in out
    assert "LeNet, mixup 1" in out
    assert main(["report"]) == 0
    report = Path("results/report/report.md").read_text()
    assert "sounds.npz" in report
    assert "9% of the rows held out" in report
    times = [path.stat().st_mtime_ns for path in Path("results/store").rglob("done/*")]
    assert main([*words, "--alphas", "0", "1"]) == 0
    again = [path.stat().st_mtime_ns for path in Path("results/store").rglob("done/*")]
    assert len(times) == 2
    assert again == times


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--npz", "none.npz"], 1, "none.npz cannot be loaded: "),
        (["--npz", "sounds.npz", "--datasets", "chirps"], 2, "either --npz or"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    words, status, said, sounds, capsys
):
    assert main(["spectrograms", *words]) == status
    assert said in " ".join(capsys.readouterr().err.split())
