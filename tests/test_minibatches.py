"""What an epoch draws, and the minibatches that it becomes."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from sk_mixup import MixupClassifier
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import DenseTable, SparseTable
from sk_mixup._data.targets import Classes, Indicators
from sk_mixup._networks.input_layers import Standardize
from sk_mixup._training import epoch_draw, run_rows, validation_rows
from sk_mixup._training.epoch_draw import EpochDraw
from sk_mixup._training.minibatches import Minibatches, Plan, draw_rows
from sk_mixup._training.mixing import Vicinity
from sk_mixup._training.run import Run
from sk_mixup._training.validation_rows import ValidationRows
from sk_mixup.encodings import QuantileBins
from sk_mixup.vicinity import (
    Neighbors,
    Pairing,
    RandomPairs,
    SameClass,
    TrainingRows,
)
from tests.twins import SMALL, TWINS, predicted

CPU = torch.device("cpu")
ERM, MIXUP = Vicinity(alpha=0), Vicinity(alpha=1)
VICINITIES = [
    ERM,
    MIXUP,
    replace(MIXUP, n_mixed=3, weights_per="example"),
    replace(MIXUP, pairing=SameClass(), mix_target="dominant"),
    replace(MIXUP, pairing=Neighbors(5), noise_std=0.3, label_smoothing=0.1),
    replace(MIXUP, mix_features="swap"),
]


def rows_of(n_rows):
    return np.random.default_rng(n_rows).normal(size=(n_rows, 4)).astype(np.float32)


def make_subset(n_rows, weights=None, table=DenseTable):
    X = rows_of(n_rows)
    X = sparse.csr_matrix(X) if table is SparseTable else X
    weights = None if weights is None else torch.as_tensor(weights).float()
    targets = Classes(torch.arange(n_rows) % 3, 3)
    return RowSubset(table(X, CPU), targets, None, weights)


def make_run(n_rows, vicinity=MIXUP, member=0, weights=None, table=DenseTable):
    subset = make_subset(n_rows, weights, table)
    rows = TrainingRows(lambda: rows_of(n_rows), subset.targets.codes.numpy())
    draw = vicinity.pairing.fit(rows)
    return Run(subset, vicinity, draw, Streams(5, member))


def make_minibatches(*runs, shift=0.0, scale=1.0, **plan):
    plan = Plan(**{"batch_size": 8, "max_epochs": 3, "n_mixed": 3} | plan)
    figures = (
        torch.full((len(runs), 1, 4), float(figure)) for figure in (shift, scale)
    )
    return Minibatches(runs, plan, Standardize(*figures))


def idle(n_runs):
    return Standardize(torch.zeros(n_runs, 1, 4), torch.ones(n_runs, 1, 4), idle=True)


def batches_of(minibatches, epoch=0):
    """List the minibatches of an epoch."""
    blocks = EpochDraw(minibatches, epoch).blocks()
    return [batch for block in blocks for batch in block.steps()]


def draw(run):
    """Draw row numbers and weights, ``(n_rows, examples)``, of a mixed epoch."""
    numbers, weights = draw_rows(run, run.vicinity, 8)
    times = 1 if len(weights) == len(numbers) else 8
    return numbers, weights.repeat(times, axis=0)[: len(numbers)]


def parts(batch, run):
    """List what one run gets of a minibatch, its padding left out."""
    real = batch.weight[run, :, 0] > 0
    copies = batch.inputs.shape[1] // batch.targets.shape[1]
    kept = real.repeat_interleave(copies)
    masks = batch.dropout.kept if batch.dropout else ()
    masks = [mask[run][kept[: mask.shape[1]]] for mask in masks]
    weights = [] if batch.mixture is None else [batch.mixture.weights[run][real]]
    return [
        batch.inputs[run][kept],
        batch.targets[run][real],
        batch.weight[run][real],
        *masks,
        *weights,
    ]


def epochs(minibatches, run, n_epochs=3):
    """List what one run gets of some epochs."""
    return [
        parts(batch, run)
        for epoch in range(n_epochs)
        for batch in batches_of(minibatches, epoch)
    ]


# Streams.


def test_streams_of_one_run_are_independent():
    streams = Streams(5, 0)
    draws = [getattr(streams, name).integers(2**63) for name in Streams.NAMES]
    assert len(set(draws)) == len(draws)


@pytest.mark.parametrize("name", Streams.NAMES)
def test_streams_depend_on_seed_and_member_alone(name):
    one, same, other_member, other_seed = (
        getattr(Streams(*key), name).integers(2**63)
        for key in ((5, 1), (5, 1), (5, 2), (6, 1))
    )
    assert one == same
    assert len({one, other_member, other_seed}) == 3


# Draws.


@pytest.mark.parametrize("vicinity", VICINITIES)
def test_first_column_of_a_draw_is_the_row_itself(vicinity):
    row_numbers, weights = draw(make_run(30, vicinity))
    order = Streams(5, 0).order.permutation(30)
    np.testing.assert_array_equal(row_numbers[:, 0], order)
    assert row_numbers.shape == weights.shape == (30, vicinity.n_examples)


def test_erm_and_mixup_visit_rows_in_one_order():
    erm, mixup = make_run(30, ERM), make_run(30, MIXUP)
    for _ in range(3):
        orders = [draw(run)[0][:, 0] for run in (erm, mixup)]
        np.testing.assert_array_equal(*orders)


@pytest.mark.parametrize("weights_per", ["batch", "example"])
def test_an_unmixed_epoch_is_one_of_erm(weights_per):
    run = make_run(30, replace(MIXUP, n_mixed=3, weights_per=weights_per))
    unmixed = EpochDraw(make_minibatches(run, warmup_epochs=1), 0)
    assert unmixed.mix_weights.flatten().tolist() == [1.0] * 4
    assert unmixed.numbers.shape == (1, 1, 30)


@pytest.mark.parametrize(
    ("max_epochs", "warmup", "clean", "mixed"),
    [(5, 0, 0, "11111"), (5, 2, 0, "00111"), (5, 0, 1, "11110"), (5, 3, 2, "00000")],
)
def test_warm_up_comes_first_and_clean_epochs_last(max_epochs, warmup, clean, mixed):
    plan = Plan(8, max_epochs, warmup_epochs=warmup, clean_epochs=clean)
    assert [plan.mixes_in(e) for e in range(max_epochs)] == [m == "1" for m in mixed]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda order: order[:, None] + 1, "drew row 1 to 30, but .* 0 to 29"),
        (lambda order: order[:, None] - 1, "drew row -1 to 28"),
        (lambda order: order, r"shape \(30,\), but \(30, 1\)"),
        (lambda order: order[1:, None], r"shape \(29, 1\), but \(30, 1\)"),
    ],
)
def test_partners_outside_the_table_are_refused(answer, message):
    class Wrong(Pairing):
        def __repr__(self):
            return "Wrong()"

        def fit(self, rows):
            return lambda order, batch_size, n_partners, generator: answer(order)

    message = r"Wrong\(\) drew .*" + message.removeprefix("drew ")
    with pytest.raises(ValueError, match=message):
        draw(make_run(30, replace(MIXUP, pairing=Wrong())))


@pytest.mark.parametrize("make", TWINS)
def test_a_pairing_must_return_what_draws(make, data):
    @dataclass(frozen=True)
    class Forgetful(Pairing):
        def fit(self, rows):
            pass

    with pytest.raises(TypeError, match=r"Forgetful\(\) must return from fit the func"):
        make(**SMALL | {"alpha": 1}, pairing=Forgetful()).fit(*data)


@pytest.mark.parametrize("answer", [np.ndarray.tolist, lambda rows: rows * 1.0])
def test_partners_are_whole_numbers_in_an_array(answer):
    class Wrong(Pairing):
        def fit(self, rows):
            return lambda order, *others: answer(order[:, None])

    with pytest.raises(TypeError, match="must draw row numbers as an array of integ"):
        draw(make_run(30, replace(MIXUP, pairing=Wrong())))


@pytest.mark.parametrize("kind", [np.uint64, np.int8])
def test_partners_may_be_integers_of_any_kind(kind):
    class Next(Pairing):
        def fit(self, rows):
            return lambda order, *others: ((order[:, None] + 1) % 30).astype(kind)

    row_numbers, _ = draw(make_run(30, replace(MIXUP, pairing=Next())))
    assert row_numbers.dtype == np.int64
    np.testing.assert_array_equal(row_numbers[:, 1], (row_numbers[:, 0] + 1) % 30)


# Minibatches.


@given(n_rows=st.integers(1, 40), batch_size=st.integers(1, 50))
def test_an_epoch_of_erm_visits_every_row_once(n_rows, batch_size):
    run = make_run(n_rows, ERM)
    minibatches = make_minibatches(run, batch_size=batch_size)
    batches = batches_of(minibatches)
    order = Streams(5, 0).order.permutation(n_rows)
    seen = torch.cat([batch.inputs[0] for batch in batches])
    assert torch.equal(seen, torch.from_numpy(rows_of(n_rows)[order]))
    labels = torch.cat([batch.targets[0] for batch in batches]).argmax(1)
    np.testing.assert_array_equal(labels, order % 3)
    assert len(batches) == minibatches.steps == -(-n_rows // batch_size)
    assert {len(b.inputs[0]) for b in batches[:-1]} <= {batch_size}


@pytest.mark.parametrize("weights_per", ["batch", "example"])
@pytest.mark.parametrize("n_mixed", [2, 3])
def test_rows_and_targets_are_mixed_as_drawn(n_mixed, weights_per):
    vicinity = replace(MIXUP, n_mixed=n_mixed, weights_per=weights_per)
    row_numbers, weights = map(torch.from_numpy, draw(make_run(21, vicinity)))
    batches = batches_of(make_minibatches(make_run(21, vicinity)))
    X, one_hot = torch.from_numpy(rows_of(21)), torch.eye(3)[torch.arange(21) % 3]
    for values, name in ((X, "inputs"), (one_hot, "targets")):
        expected = torch.einsum("ref,re->rf", values[row_numbers], weights)
        mixed = torch.cat([getattr(batch, name)[0] for batch in batches])
        torch.testing.assert_close(mixed, expected)


def test_hidden_mixing_carries_the_same_rows_along():
    at_input = batches_of(make_minibatches(make_run(21)))
    within = batches_of(make_minibatches(make_run(21), mix_layer=1, n_mixed=2))
    for one, other in zip(at_input, within, strict=True):
        assert other.inputs.shape[1] == 2 * one.inputs.shape[1]
        torch.testing.assert_close(other.mixture(other.inputs), one.inputs)
        assert torch.equal(other.targets, one.targets)


def test_a_row_that_is_not_mixed_has_itself_as_its_copies():
    """Batch norms inside a user's module see no other rows than the run's minibatch."""
    minibatches = make_minibatches(make_run(21, ERM), mix_layer=1, n_mixed=3)
    for batch in batches_of(minibatches):
        own, *copies = batch.inputs.unflatten(1, (-1, 3)).unbind(2)
        assert all(torch.equal(copy, own) for copy in copies)


def test_a_virtual_example_weighs_what_its_rows_weigh():
    weights = np.arange(1, 22) / 11
    vicinity = replace(MIXUP, n_mixed=3, weights_per="example")
    row_numbers, own = draw(make_run(21, vicinity))
    own = own * weights[row_numbers]
    batches = batches_of(make_minibatches(make_run(21, vicinity, weights=weights)))
    targets = torch.cat([batch.targets[0] for batch in batches])
    weight = torch.cat([b.weight[0, :, 0] * len(b.weight[0]) for b in batches])
    np.testing.assert_allclose(weight, own.sum(axis=1), rtol=1e-5)
    expected = (own[..., None] * np.eye(3)[row_numbers % 3]).sum(axis=1)
    expected /= own.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(targets, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("vicinity", VICINITIES)
def test_weight_of_every_step_sums_to_one_where_rows_weigh_alike(vicinity):
    runs = make_run(21, vicinity), make_run(18, vicinity)
    for batch in batches_of(make_minibatches(*runs)):
        torch.testing.assert_close(batch.weight.sum(1), torch.ones(2, 1))
        whole = batch.targets.sum(-1)[batch.weight[..., 0] > 0]
        torch.testing.assert_close(whole, torch.ones_like(whole))


def test_the_dominant_target_is_a_plain_label():
    vicinity = replace(MIXUP, mix_target="dominant", weights_per="example")
    row_numbers, weights = draw(make_run(21, vicinity))
    heaviest = row_numbers[np.arange(21), weights.argmax(axis=1)]
    batches = batches_of(make_minibatches(make_run(21, vicinity)))
    targets = torch.cat([batch.targets[0] for batch in batches])
    assert torch.equal(targets, torch.eye(3)[torch.from_numpy(heaviest % 3)])


def swapped(n_rows, **params):
    """Return the virtual rows of an epoch, and the rows that they are made of."""
    run = make_run(n_rows, replace(MIXUP, mix_features="swap", **params))
    numbers, weights = draw(make_run(n_rows, run.vicinity))
    batches = batches_of(make_minibatches(run))
    values, targets = (
        torch.cat([getattr(batch, name)[0] for batch in batches])
        for name in ("inputs", "targets")
    )
    return values, targets, numbers, weights


@pytest.mark.parametrize("n_mixed", [2, 3])
def test_each_column_of_a_swap_is_whole_from_one_of_the_rows(n_mixed):
    values, targets, numbers, _ = swapped(41, n_mixed=n_mixed)
    sources = torch.from_numpy(rows_of(41))[numbers]  # rows, examples, columns
    taken = sources == values[:, None]
    assert taken.any(1).all()
    shares = taken.float() / taken.sum(1, keepdim=True)  # a row may be its own partner
    labels = torch.eye(3)[torch.from_numpy(numbers) % 3]
    expected = torch.einsum("re,rel->rl", shares.mean(-1), labels)
    torch.testing.assert_close(targets, expected)


def test_a_column_is_swapped_with_the_probability_of_its_weight():
    values, _, numbers, weights = swapped(4000, weights_per="example")
    own = torch.from_numpy(rows_of(4000))[numbers[:, 0]] == values
    for low in (0.0, 0.25, 0.5, 0.75):
        some = (weights[:, 0] >= low) & (weights[:, 0] < low + 0.25)
        expected = weights[some, 0].mean()
        share = own[torch.from_numpy(some)].float().mean().item()
        # A row is its own partner in one case of eight.
        assert share == pytest.approx(expected + (1 - expected) / 8, abs=0.03)


@pytest.mark.parametrize("mix_target", ["interpolate", "dominant"])
def test_smoothing_commutes_with_mixing(mix_target):
    """Mixing smoothed labels and smoothing mixed ones give the same targets."""
    plain = replace(MIXUP, mix_target=mix_target)
    smooth = replace(plain, label_smoothing=0.3)
    row_numbers, weights = draw(make_run(21, plain))
    labels = np.full((21, 3), 0.3 / 3) + 0.7 * np.eye(3)[np.arange(21) % 3]
    weights = plain.target_weights(weights)
    expected = (weights[..., None] * labels[row_numbers]).sum(axis=1)
    batches = batches_of(make_minibatches(make_run(21, smooth)))
    targets = torch.cat([batch.targets[0] for batch in batches])
    np.testing.assert_allclose(targets, expected, rtol=1e-5)


def test_smoothing_gives_each_wrong_class_its_share():
    smooth = make_run(21, replace(ERM, label_smoothing=0.3))
    batches = batches_of(make_minibatches(smooth))
    targets = torch.cat([batch.targets[0] for batch in batches]).sort(-1).values
    torch.testing.assert_close(targets, torch.tensor([0.1, 0.1, 0.8]).expand(21, 3))


@pytest.mark.parametrize("scale", [1.0, 7.0])
@pytest.mark.parametrize("vicinity", [ERM, MIXUP])
def test_noise_has_the_stated_deviation_in_standardised_units(vicinity, scale):
    noisy = replace(vicinity, noise_std=0.25)
    clean, with_noise = (
        torch.cat([b.inputs[0] for b in batches_of(make_minibatches(run, scale=scale))])
        for run in (make_run(20_000, vicinity), make_run(20_000, noisy))
    )
    noise = (with_noise - clean).flatten()
    n = len(noise)
    assert abs(noise.mean()) < 5 * 0.25 / n**0.5
    assert abs(noise.std() - 0.25) < 5 * 0.25 / (2 * n) ** 0.5


def test_mixing_commutes_with_standardising():
    plain = batches_of(make_minibatches(make_run(21)))
    scaled = batches_of(make_minibatches(make_run(21), shift=3, scale=2))
    for one, other in zip(plain, scaled, strict=True):
        torch.testing.assert_close(other.inputs, (one.inputs - 3) / 2)


def test_clipped_rows_are_mixed_and_not_mixed_rows_clipped():
    clipping = Standardize(torch.zeros(1, 1, 4), torch.ones(1, 1, 4), clip=0.5)
    run, plan = make_run(21), Plan(8, 1)
    row_numbers, weights = map(torch.from_numpy, draw(make_run(21)))
    clipped = clipping(torch.from_numpy(rows_of(21)))[0]
    expected = torch.einsum("ref,re->rf", clipped[row_numbers], weights)
    batches = batches_of(Minibatches([run], plan, clipping))
    mixed = torch.cat([batch.inputs[0] for batch in batches])
    torch.testing.assert_close(mixed, expected)


@pytest.mark.parametrize(("n_rows", "batch_size"), [(43, 8), (330, 150)])
@pytest.mark.parametrize("mix_layer", [None, 1, "raw"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("vicinity", VICINITIES)
def test_draws_do_not_depend_on_the_size_of_blocks(
    vicinity, dropout, mix_layer, n_rows, batch_size, monkeypatch
):
    """Nor on that of the pieces in which a large minibatch is made."""
    plan = {"dropout": dropout, "hidden_sizes": (3, 2), "mix_layer": mix_layer}
    plan["batch_size"] = batch_size
    large = epochs(make_minibatches(make_run(n_rows, vicinity), **plan), 0)
    monkeypatch.setattr(epoch_draw, "CPU_BLOCK_BYTES", 1)
    small = epochs(make_minibatches(make_run(n_rows, vicinity), **plan), 0)
    torch.testing.assert_close(small, large, rtol=0, atol=0)


@pytest.mark.parametrize("mix_features", ["interpolate", "swap"])
@pytest.mark.parametrize("make", TWINS)
def test_a_minibatch_in_pieces_trains_the_same(make, mix_features, rng, monkeypatch):
    X, y = rng.normal(size=(400, 4)), rng.integers(3, size=400)
    params = {**SMALL, "batch_size": 330, "encoding": QuantileBins()}
    model = make(2, **params, mix_features=mix_features)
    whole = predicted(model.fit(X, y), X)
    monkeypatch.setattr(epoch_draw, "CPU_BLOCK_BYTES", 1)
    np.testing.assert_array_equal(predicted(model.fit(X, y), X), whole)


@pytest.mark.parametrize("mix_layer", [None, 1])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("vicinity", VICINITIES)
def test_a_run_draws_the_same_beside_others(vicinity, dropout, mix_layer):
    """Others may have more or fewer rows, as folds have, or another vicinity."""
    if mix_layer and vicinity.mix_features == "swap":
        pytest.skip("hidden layers have no columns to swap")
    plan = {"dropout": dropout, "hidden_sizes": (3, 2), "mix_layer": mix_layer}
    alone = epochs(make_minibatches(make_run(42, vicinity), **plan), 0)
    others = [make_run(45, MIXUP, 1), make_run(41, VICINITIES[-1], 2)]
    runs = [others[0], make_run(42, vicinity), others[1]]
    beside = epochs(make_minibatches(*runs, **plan), 1)
    torch.testing.assert_close(beside, alone, rtol=0, atol=1e-6)


def test_padding_has_no_weight():
    runs = [make_run(45), make_run(41)]
    last = batches_of(make_minibatches(*runs, mix_layer=1, n_mixed=2))[-1]
    assert last.weight[1, :, 0].tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("weights", [None, np.arange(1.0, 22.0)])
@pytest.mark.parametrize("vicinity", VICINITIES)
def test_rows_that_are_kept_encoded_are_those_that_are_encoded_anew(
    vicinity, weights, monkeypatch
):
    def some_epochs():
        runs = make_run(21, vicinity, weights=weights), make_run(18, vicinity, 1)
        batches = make_minibatches(*runs, shift=1.0, scale=2.0)
        return [own for run in (0, 1) for own in epochs(batches, run)]

    kept = some_epochs()
    monkeypatch.setattr(run_rows, "CPU_KEPT_BYTES", 0)
    torch.testing.assert_close(some_epochs(), kept)


@pytest.mark.parametrize("vicinity", VICINITIES)
def test_sparse_tables_make_the_minibatches_of_dense_ones(vicinity):
    dense, thin = (
        epochs(make_minibatches(make_run(21, vicinity, table=table)), 0)
        for table in (DenseTable, SparseTable)
    )
    torch.testing.assert_close(thin, dense)


def test_sparse_rows_scaled_for_neighbours_keep_their_distances():
    figures = Standardize(torch.randn(1, 1, 4), torch.rand(1, 1, 4) + 0.5)
    dense, thin = (
        make_subset(20, table=table).table.standardized(np.arange(3, 15), figures)
        for table in (DenseTable, SparseTable)
    )
    thin = thin.toarray()
    for X in (dense, thin):
        X -= X.mean(axis=0)
    np.testing.assert_allclose(thin, dense, rtol=1e-4, atol=1e-6)


def test_dropout_keeps_the_mean_and_drops_the_share():
    plan = {"dropout": 0.25, "hidden_sizes": (50, 30)}
    batches = batches_of(make_minibatches(make_run(400, ERM), **plan))
    for layer, width in enumerate((50, 30)):
        mask = torch.cat([batch.dropout.kept[layer][0] for batch in batches])
        assert mask.shape == (400, width)
        dropped = (mask == 0).float().mean().item()
        assert dropped == pytest.approx(0.25, abs=5 * 0.44 / mask.numel() ** 0.5)
        assert batches[0].dropout.factor == pytest.approx(1 / 0.75)


def test_random_layers_are_all_drawn_and_are_shared_by_the_runs():
    plan = {"mix_layer": "random", "hidden_sizes": (3, 2), "layer_entropy": 5}
    plan |= {"max_epochs": 200}  # as many as are drawn
    alone = make_minibatches(make_run(43), **plan)
    layers = [[b.mixture.layer for b in batches_of(alone)] for _ in range(100)]
    counts = np.bincount(np.ravel(layers))
    np.testing.assert_allclose(counts, 200, atol=5 * 200**0.5)
    assert len(np.unique(layers, axis=0)) > 50
    beside = make_minibatches(make_run(43), make_run(45, member=1), **plan)
    for expected in layers[:3]:
        assert [batch.mixture.layer for batch in batches_of(beside)] == expected


# Rows that are judged.


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_validation_rows_are_weighted_and_padded(chunk, monkeypatch):
    monkeypatch.setattr(validation_rows, "CHUNK_ROWS", chunk)
    weights = np.arange(1.0, 8.0)
    subsets = [make_subset(7, weights), make_subset(5)]
    runs = [replace(make_run(9), validation=subset) for subset in subsets]
    batches = list(ValidationRows(runs, idle(2)).batches())
    inputs, targets, weight = (
        torch.cat([getattr(batch, name) for batch in batches], 1)
        for name in ("inputs", "targets", "weight")
    )
    assert inputs.shape == (2, 7, 4)
    np.testing.assert_allclose(weight[0, :, 0], weights / weights.sum(), rtol=1e-6)
    np.testing.assert_allclose(weight[1, :, 0], [0.2] * 5 + [0] * 2)
    assert torch.equal(inputs[0], torch.from_numpy(rows_of(7)))
    assert torch.equal(inputs[1, :5], torch.from_numpy(rows_of(5)))
    assert targets[0].argmax(1).tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_runs_without_validation_have_no_rows_to_judge():
    assert len(ValidationRows([make_run(9)], idle(1))) == 0


# Portions and targets.


def test_a_portion_numbers_its_own_rows():
    whole = make_subset(9)
    rows = torch.tensor([8, 2, 5])
    subset = RowSubset(whole.table, whole.targets.subset(rows), rows)
    numbers = torch.tensor([1, 0])
    assert torch.equal(subset.inputs(numbers), whole.inputs(torch.tensor([2, 8])))
    assert subset.targets.take(numbers).argmax(1).tolist() == [2, 2]
    assert subset.weight(numbers).tolist() == [1, 1]
    assert len(subset) == 3


@pytest.mark.parametrize("numbers", [None, [4, 0, 2]])
def test_rows_are_drawn_as_often_as_they_weigh(numbers):
    table = DenseTable(np.arange(5.0)[:, None], torch.device("cpu"))
    size = 5 if numbers is None else len(numbers)
    codes = Classes(torch.zeros(size, dtype=torch.long), 1)
    rows = None if numbers is None else torch.tensor(numbers)
    weights = torch.arange(size, dtype=torch.float32)  # the first row weighs nothing
    own = np.arange(5) if numbers is None else np.array(numbers)
    for weight, share in ((None, np.ones(size)), (weights, weights.numpy())):
        subset = RowSubset(table, codes, rows, weight)
        numbers = subset.draw(20_000, np.random.default_rng(0))
        drawn = subset.inputs(numbers).flatten().numpy()
        counts = np.array([(drawn == number).sum() for number in own])
        np.testing.assert_allclose(counts / 20_000, share / share.sum(), atol=0.02)


def test_equal_weights_draw_the_rows_of_none():
    table = DenseTable(np.arange(7.0)[:, None], torch.device("cpu"))
    codes = Classes(torch.zeros(7, dtype=torch.long), 1)
    one, other = (
        RowSubset(table, codes, weights=w).draw(100, np.random.default_rng(1))
        for w in (None, torch.ones(7))
    )
    assert torch.equal(one, other)


def test_targets_are_taken_by_row():
    values = Indicators(torch.arange(6.0).view(3, 2))
    numbers = torch.tensor([[2, 0]])
    assert values.take(numbers).tolist() == [[[4, 5], [0, 1]]]
    assert values.subset(torch.tensor([1])).values.tolist() == [[2, 3]]
    assert Classes(torch.tensor([1, 0]), 3).take(numbers[:, 1:]).tolist() == [
        [[0, 1, 0]]
    ]


def test_random_pairs_stay_in_the_minibatch():
    row_numbers, _ = draw(make_run(43, replace(MIXUP, pairing=RandomPairs())))
    for start in range(0, 43, 8):
        own, partner = row_numbers[start : start + 8].T
        assert set(own) == set(partner)


def test_masks_do_not_depend_on_how_an_epoch_is_cut(monkeypatch, blobs):
    params = {"hidden_layer_sizes": 5, "batch_size": 7, "dropout": 0.5, "max_epochs": 2}
    params |= {"early_stopping": False, "temperature": 1, "random_state": 0}

    def first_member(n_estimators):
        model = MixupClassifier(n_estimators=n_estimators, **params).fit(*blobs)
        rows = torch.from_numpy(blobs[0]).float()
        return model.to_torch().members[0](rows).numpy()

    whole = first_member(1)
    monkeypatch.setattr("sk_mixup._training.epoch_draw.CPU_BLOCK_BYTES", 500)
    np.testing.assert_allclose(first_member(3), whole, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_runs_that_draw_alike_draw_once(dropout, monkeypatch):
    """Candidates of a search have one seed on the same rows."""
    plan = {"dropout": dropout, "hidden_sizes": (3, 2)}
    vicinities = [MIXUP, replace(MIXUP, alpha=0.2), ERM]
    alone = [
        epochs(make_minibatches(make_run(30, own), **plan), 0) for own in vicinities
    ]
    first, *others = (make_run(30, own) for own in vicinities)
    runs = [first, *(replace(run, training=first.training) for run in others)]
    batches = make_minibatches(*runs, make_run(30, member=1), **plan)
    assert batches.leaders == [0, 0, 0, 3]
    assert len(batches.rows.values) == 60
    seen = [
        [parts(batch, run) for run in range(3)]
        for epoch in range(3)
        for batch in batches_of(batches, epoch)
    ]
    for run in range(3):
        torch.testing.assert_close([own[run] for own in seen], alone[run])
