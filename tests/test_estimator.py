"""What the two estimators have in common: laws of the whole."""

import inspect
import io
import re
from dataclasses import dataclass

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_mixup import MixupClassifier
from sk_mixup.vicinity import Neighbors, Pairing
from tests.twins import (
    CONSTANT,
    DRAWING,
    SMALL,
    TWINS,
    all_rows,
    assert_same_predictions,
    complete,
    label,
    linear,
    outputs_of,
    perceptron,
    predicted,
    target_scaling,
)

pytestmark = pytest.mark.parametrize("make", TWINS)

TWO = {**SMALL, "n_estimators": 2}


# Randomness.


@pytest.mark.parametrize("params", DRAWING, ids=label)
@pytest.mark.parametrize("seed", [0, 7])
def test_one_seed_gives_one_result_and_two_give_two(make, params, seed, data):
    X, y = data
    params = complete(make, params)
    one, same, other = (
        make(**{**SMALL, **params, "random_state": s}).fit(X, y)
        for s in (seed, seed, seed + 1)
    )
    assert_same_predictions(one, same, X)
    assert one.loss_curve_ == same.loss_curve_
    assert (predicted(one, X) != predicted(other, X)).any()


def global_states():
    name, *numbers = np.random.get_state(legacy=True)  # noqa: NPY002 - is watched
    return name, [np.array(n).tolist() for n in numbers], torch.get_rng_state().tolist()


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("params", DRAWING, ids=label)
def test_global_generators_are_left_alone(make, params, random_state, data):
    X, y = data
    model = make(**{**SMALL, **complete(make, params), "random_state": random_state})
    before = global_states()
    model.fit(X, y).predict(X)
    model.partial_fit(X, y)
    model.to_torch()(torch.from_numpy(X).float())
    assert global_states() == before


def test_no_seed_draws_anew(make, data):
    X, y = data
    one, other = (make(**{**SMALL, "random_state": None}).fit(X, y) for _ in range(2))
    assert (predicted(one, X) != predicted(other, X)).any()


def test_a_random_state_object_goes_on(make, data):
    X, y = data
    state = np.random.RandomState(0)
    first, second = (
        make(**{**SMALL, "random_state": state}).fit(X, y) for _ in range(2)
    )
    seeded = make(**SMALL).fit(X, y)
    assert_same_predictions(first, seeded, X)
    assert (predicted(second, X) != predicted(seeded, X)).any()


@pytest.mark.parametrize("alpha", [0.4, 1, np.inf])
def test_erm_and_mixup_share_initial_weights(make, alpha, data):
    still = {**SMALL, "lr": 1e-30}
    erm, mixup = (make(a, **still).fit(*data) for a in (0, alpha))
    assert_same_predictions(erm, mixup, data[0])


# Laws of the vicinity.


def test_mixing_in_layer_0_is_mixing_the_input(make, data):
    one, other = (make(mix_layer=m, **SMALL).fit(*data) for m in (0, "input"))
    assert_same_predictions(one, other, data[0])


NEVER_MIXED = [{"alpha": 0}, {"clean_epochs": 1.0}, {"warmup_epochs": 1.0}]


@pytest.mark.parametrize("unmixed", NEVER_MIXED, ids=str)
@pytest.mark.parametrize("mix_layer", [2, "random"])
def test_where_nothing_is_mixed_the_layer_does_not_matter(
    make, mix_layer, unmixed, data
):
    common = {**SMALL, "dropout": 0.2, "noise_std": 0.1}
    erm = make(alpha=0, **common).fit(*data)
    other = make(mix_layer=mix_layer, n_mixed=3, **common | unmixed).fit(*data)
    assert_same_predictions(erm, other, data[0])


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("params", [{"pairing": "neighbors"}, {"n_mixed": 3}, {}])
def test_a_linear_module_may_mix_anywhere(make, params, data):
    X, y = data
    module = {"module": linear, "module_params": {"n_outputs": outputs_of(make)}}
    models = [
        make(1, mix_layer=layer, **CONSTANT, **module, **params).fit(X, y)
        for layer in ("input", "0", "1")
    ]
    for model in models[1:]:
        assert_same_predictions(model, models[0], X, atol=1e-7)


@pytest.mark.parametrize("neutral", [{"noise_std": 0.0}, {"pairing": "neighbors"}])
def test_erm_has_no_partners_to_choose(make, neutral, data):
    one, other = (make(0, **SMALL, **params).fit(*data) for params in ({}, neutral))
    assert_same_predictions(one, other, data[0])


@pytest.mark.parametrize("name", ["random", "neighbors"])
def test_a_name_stands_for_its_pairing(make, name, data):
    value = make._pairings[name]
    value = value(5) if name == "neighbors" else value()
    named, given = (
        make(1, pairing=pairing, n_neighbors=5, **SMALL).fit(*data)
        for pairing in (name, value)
    )
    assert_same_predictions(named, given, data[0])


@dataclass(frozen=True)
class Farthest(Pairing):
    """A pairing as a user may write it: the farthest of a few random rows."""

    n_candidates: int = 5

    def fit(self, rows):
        def draw(order, batch_size, n_partners, generator):
            shape = (len(order), n_partners, self.n_candidates)
            candidates = generator.integers(len(rows), size=shape)
            differences = rows.X[candidates] - rows.X[order][:, None, None]
            farthest = (differences**2).sum(-1).argmax(-1)
            return np.take_along_axis(candidates, farthest[..., None], -1)[..., 0]

        return draw


@pytest.mark.parametrize("mix_layer", ["input", 1])
def test_a_pairing_of_the_users_own_is_taken(make, mix_layer, data):
    X, y = data
    model = make(1, pairing=Farthest(), mix_layer=mix_layer, **TWO)
    random = make(1, mix_layer=mix_layer, **TWO).fit(X, y)
    assert clone(model).pairing == Farthest()
    assert (predicted(model.fit(X, y), X) != predicted(random, X)).any()
    search = GridSearchCV(model, {"pairing": ["random", Farthest(2)]}, cv=2)
    assert search.fit(X, y).cv_results_["mean_test_score"].shape == (2,)


@pytest.mark.parametrize("shift", [1, -1])
def test_a_pairing_that_leaves_the_table_is_named(make, shift, data):
    @dataclass(frozen=True)
    class Outside(Pairing):
        def fit(self, rows):
            return lambda order, batch_size, n_partners, generator: (
                order[:, None] + shift * np.arange(1, n_partners + 1)
            )

    with pytest.raises(ValueError, match=r"Outside.*drew row .* numbered 0 to 89"):
        make(1, pairing=Outside(), **SMALL, **all_rows(make)).fit(*data)


# Copies, tools and exports.


def test_a_clone_is_unfitted_and_equal(make, data):
    model = make(1, pairing=Neighbors(5), **SMALL).fit(*data)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "net_")


@pytest.mark.parametrize("module", [None, perceptron])
def test_fitted_models_are_stored_and_go_on(make, module, data, tmp_path):
    X, y = data
    params = complete(make, {"module": module} if module else {})
    model = make(1, **CONSTANT | {"n_estimators": 2} | params).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    stored = joblib.load(tmp_path / "model")
    assert_same_predictions(stored, model, X)
    assert_same_predictions(stored.partial_fit(X, y), model.partial_fit(X, y), X)


def test_a_grid_search_on_two_processes_finds_the_same(make, data):
    X, y = data
    grid = {"alpha": [0, 0.4, np.inf], "batch_size": [16, 40]}
    one, two = (
        GridSearchCV(make(**SMALL), grid, cv=3, n_jobs=n).fit(X, y) for n in (1, 2)
    )
    for key in ("mean_test_score", "split0_test_score"):
        np.testing.assert_allclose(
            one.cv_results_[key], two.cv_results_[key], atol=1e-4
        )
    assert_same_predictions(one.best_estimator_, two.best_estimator_, X, atol=1e-4)


def test_a_pipeline_is_searched_and_scored(make, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), make(**SMALL))
    name = f"{make.__name__.lower()}__alpha"
    search = GridSearchCV(pipeline, {name: [0, 1]}, cv=2).fit(X, y)
    assert search.best_params_[name] in (0, 1)
    assert cross_val_score(pipeline, X, y, cv=2).shape == (2,)
    method = "predict_proba" if make is MixupClassifier else "predict"
    rows = cross_val_predict(make(**SMALL), X, y, cv=3, method=method)
    assert rows.shape == ((90, 3) if make is MixupClassifier else (90,))


EXPORTED = [{}, {"n_estimators": 3}, {"standardize": False}, {"module": perceptron}]


@pytest.mark.parametrize("params", EXPORTED, ids=label)
def test_to_torch_predicts_the_same(make, params, data, rng):
    model = make(1, **SMALL | complete(make, params)).fit(*data)
    rows = rng.normal(size=(1000, 4)).astype(np.float32) * 5
    module = model.to_torch()
    outputs = module(torch.from_numpy(rows))
    assert outputs.dtype == torch.float32
    assert not outputs.requires_grad
    assert not module.training
    result = outputs.numpy()
    if not is_classifier(model):
        assert outputs.shape == model.predict(rows).shape == (1000,)
        result = result / target_scaling(model)[1]
    np.testing.assert_allclose(result, predicted(model, rows), rtol=0, atol=2e-6)


@pytest.mark.parametrize("params", EXPORTED, ids=label)
def test_to_torch_survives_storage_and_export(make, params, data):
    X, y = data
    params = complete(make, params)
    module = make(1, **SMALL | params).fit(X, y).to_torch()
    other = make(1, **SMALL | params).fit(-X, y[::-1]).to_torch()
    rows = torch.from_numpy(X).float()
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(rows), module(rows))
    rows_dim = torch.export.Dim("rows", min=2)
    exported = torch.export.export(module, (rows,), dynamic_shapes=({0: rows_dim},))
    torch.testing.assert_close(exported.module()(rows[:33]), module(rows[:33]))


@pytest.mark.parametrize("params", EXPORTED, ids=label)
def test_every_exported_module_works_once(make, params, data):
    """Else tools that keep what a module has seen would lose it."""
    module = make(1, **SMALL | {"clip": 3.0} | complete(make, params)).fit(*data)
    module, calls = module.to_torch(), []
    for name, part in module.named_modules(remove_duplicate=False):
        part.register_forward_hook(lambda *_, name=name: calls.append(name))
    module(torch.from_numpy(data[0]).float())
    leaves = [name for name, part in module.named_modules() if not [*part.children()]]
    assert sorted(calls) == sorted(set(calls))
    assert set(leaves) <= set(calls)


def test_to_torch_is_a_copy(make, data):
    X, y = data
    model = make(**SMALL).fit(X, y)
    before = predicted(model, X)
    with torch.no_grad():
        for tensor in model.to_torch().state_dict().values():
            tensor.zero_()
    np.testing.assert_array_equal(predicted(model, X), before)


def test_predictions_of_a_row_do_not_depend_on_the_others(make, data):
    X, y = data
    model = make(**TWO).fit(X, y)
    many = np.tile(X, (100, 1))
    np.testing.assert_allclose(
        predicted(model, many), np.tile(predicted(model, X).T, 100).T, atol=1e-6
    )
    np.testing.assert_allclose(
        predicted(model, X[:1]), predicted(model, X)[:1], atol=1e-6
    )


# What is documented.


def test_documented_defaults_are_those_of_the_code(make):
    described = inspect.getdoc(make).split("Attributes\n")[0].replace("\\\n", "")
    documented = dict(re.findall(r"^(\w+) : .*?default=(\S+)$", described, re.M))
    defaults = {
        name: repr(parameter.default).replace("'", '"')
        for name, parameter in inspect.signature(make).parameters.items()
    }
    described = re.findall(r"^(\w+) : .*?default=(.+)$", described, re.M)
    assert dict(described) == defaults
    assert documented.keys() <= defaults.keys()


def test_fitted_attributes_are_those_documented(make, data):
    model = make(**SMALL | {"early_stopping": True}).fit(*data)
    section = inspect.getdoc(make).split("Attributes\n")[1].split("See Also\n")[0]
    names = set(re.findall(r"^(\w+_) : ", section, re.M))
    public = {name for name in dir(model) if re.fullmatch(r"[a-z]\w*[a-z]_", name)}
    unfitted = make()
    assert not any(hasattr(unfitted, name) for name in public)
    assert public <= names
    assert names - public <= {"feature_names_in_"}


@pytest.mark.gpu
@pytest.mark.parametrize("params", DRAWING, ids=label)
def test_a_gpu_computes_what_the_cpu_does(make, params, data):
    X, y = data
    params = {**SMALL, **complete(make, params)}
    on_cpu, on_gpu = (make(1, device=d, **params).fit(X, y) for d in ("cpu", "cuda"))
    assert_same_predictions(on_cpu, on_gpu, X, atol=1e-4)
    np.testing.assert_allclose(on_gpu.loss_curve_, on_cpu.loss_curve_, rtol=1e-3)
    rows = torch.from_numpy(X).float()
    torch.testing.assert_close(on_gpu.to_torch()(rows), on_cpu.to_torch()(rows))
