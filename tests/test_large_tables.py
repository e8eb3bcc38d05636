"""Tables larger than memory: read in place, or in parts on a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster
from sklearn.base import clone

from sk_mixup import MixupClassifier
from tests.twins import CONSTANT, SMALL, TWINS, assert_same_predictions, predicted

both = pytest.mark.parametrize("make", TWINS)
N_ROWS, WIDTH = 240_000, 200
#: The file takes 192 MB, a copy as much, and a mark for each number 48 MB.
TABLE, BOUND = 4 * N_ROWS * WIDTH, 160_000_000


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """Numbers, of which few are missing in the last column."""
    path = tmp_path_factory.mktemp("large") / "table.f32"
    rng = np.random.default_rng(0)
    with path.open("wb") as file:
        for _ in range(24):
            rows = rng.standard_normal((N_ROWS // 24, WIDTH), dtype=np.float32)
            rows[rng.random(len(rows)) < 0.1, -1] = np.nan
            file.write(rows.tobytes())
    return path


@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory is bounded and told by Linux"
)
@both
@pytest.mark.parametrize("encoding", ["standardized", "bins"])
def test_a_memory_map_is_read_in_place(make, encoding, large_file):
    params = {
        "max_epochs": 1,
        "n_estimators": 2,
        "hidden_layer_sizes": 4,
        "batch_size": 256,
        "encoding": encoding,
    }
    assert BOUND < TABLE
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.bounded", make.__name__, str(large_file)),
            *(str(WIDTH), str(BOUND), json.dumps(params)),
        ],
        cwd=Path(__file__).parents[1],
        env={"PYTHONPATH": ".", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"n_rows": N_ROWS}


@pytest.fixture
def mapped(tmp_path):
    """Return how an array is written to a file and mapped."""

    def write(array, order="C"):
        path = tmp_path / "rows.npy"
        np.save(path, np.asarray(array, order=order))
        return np.load(path, mmap_mode="r")

    return write


def some(make, gaps=False):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4)).astype(np.float32)
    y = X[:, 0] > 0 if make is MixupClassifier else X[:, 0].copy()
    if gaps:
        X[::7, 1] = np.nan
    return X, y


@both
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_table_of_a_fit_is_the_map_itself(make, gaps, weighted, mapped):
    X, y = some(make, gaps)
    weights = np.arange(90.0) if weighted else None
    rows = mapped(X)
    tables = []

    class Noting(make):
        def _learn_table(self, *args):
            tables.append(super()._learn_table(*args))
            return tables[-1]

    model = Noting(**SMALL).fit(rows, y, sample_weight=weights)
    assert np.shares_memory(tables[0].values.numpy(), rows)
    plain = make(**SMALL).fit(X, y, sample_weight=weights)
    assert_same_predictions(model, plain, X)
    np.testing.assert_array_equal(predicted(model, rows), predicted(plain, X))


@both
@pytest.mark.parametrize("kind", ["float64", "F", "int32"])
def test_other_maps_are_tables_like_others(make, kind, mapped):
    X, y = some(make)
    X = np.round(X * 10).astype("float32" if kind == "F" else kind)
    model = make(**SMALL).fit(mapped(X, "F" if kind == "F" else "C"), y)
    assert_same_predictions(model, make(**SMALL).fit(X, y), X)


@both
def test_gaps_that_only_later_rows_have_leave_the_map_as_it_is(make, mapped):
    X, y = some(make)
    model = make(**CONSTANT).partial_fit(X, y)
    X[3, 2] = np.nan
    rows = mapped(X)
    with_mean = np.nan_to_num(X, nan=np.float32(model._schema.fill[2]))
    found = predicted(model, rows)
    np.testing.assert_allclose(found, predicted(model, with_mean), atol=1e-6)
    assert np.isnan(rows[3, 2])
    model.partial_fit(rows, y)


# Clusters.


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=False,
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def parts_of(make):
    X, y = some(make)
    return list(zip(np.split(X, 3), np.split(y, 3), strict=True))


def trained(model, X, y):
    # What a task is given may be another's too.
    model = clone(model) if not hasattr(model, "net_") else model
    named = {"classes": [False, True]} if isinstance(model, MixupClassifier) else {}
    return model.partial_fit(X, y, **named)


@both
def test_delayed_parts_train_on_a_cluster(make, client):
    chain = dask.delayed(make(**CONSTANT))
    alone = make(**CONSTANT)
    for X, y in parts_of(make):
        chain = dask.delayed(trained)(chain, dask.delayed(X), dask.delayed(y))
        alone = trained(alone, X, y)
    found = client.compute(chain).result(timeout=120)
    assert_same_predictions(found, alone, X, atol=1e-6)


@both
def test_incremental_trains_on_the_blocks_of_dask_arrays(make, client):
    wrappers = pytest.importorskip("dask_ml.wrappers")
    arrays = pytest.importorskip("dask.array")
    X, y = some(make)
    X_blocks, y_blocks = arrays.from_array(X, (30, 4)), arrays.from_array(y, 30)
    named = {"classes": [False, True]} if make is MixupClassifier else {}
    model = wrappers.Incremental(make(**CONSTANT), shuffle_blocks=False)
    model.fit(X_blocks, y_blocks, **named)
    alone = make(**CONSTANT)
    for part in parts_of(make):
        alone = trained(alone, *part)
    assert_same_predictions(model.estimator_, alone, X, atol=1e-6)
    np.testing.assert_allclose(model.predict(X_blocks).compute(), alone.predict(X))
