"""A small set that goes by the name of iris, and how its loading is judged."""

from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path

import numpy as np
import openml
import pandas as pd
import pytest

from benchmarks import datasets

IRIS = 61
FILE, ABOUT = f"/file/{IRIS}", f"/api/v1/xml/data/{IRIS}"


def flowers(n: int = 30) -> pd.DataFrame:
    """A little of every kind of column."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "real": rng.normal(size=n).round(3),
            "gaps": np.where(np.arange(n) % 3, rng.normal(size=n).round(3), np.nan),
            "small": np.arange(n) % 7,
            "large": np.arange(n) * 1000,
            "kind": pd.Categorical(rng.choice(["a", "b c", "d"], n)).set_categories(
                ["d", "b c", "a", "never"]
            ),
            "flag": pd.Categorical(rng.choice(["True", "False"], n)),
            "word": rng.choice(["one", "two words"], n),
            "nothing": np.full(n, np.nan),
            "class": pd.Categorical(np.arange(n) % 3).rename_categories(list("xyz")),
        }
    )


def shelf_in(root: Path, data_id: int = IRIS) -> Path:
    relative = Path(openml.config.get_cache_directory()).relative_to(
        openml.config._root_cache_directory
    )
    return root / relative / "datasets" / str(data_id)


def complaint(
    name: str = "iris", title: str = f"iris (OpenML {IRIS})", **options
) -> str:
    """The message of a failing load, held to what every message keeps."""
    with pytest.raises(datasets.DatasetUnavailable) as caught:
        datasets.load(name, timeout=options.pop("timeout", 10), **options)
    message = str(caught.value)
    assert message.startswith(f"{title} cannot be loaded: ")
    assert message.endswith(".")
    assert "; " in message  # what is wrong; what to do
    assert len(message.splitlines()) == 1
    assert len(message) < 500
    assert str(pickle.loads(pickle.dumps(caught.value))) == message
    causes = [caught.value]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
        assert causes[-1] not in causes[:-1]  # Dask stores them one in another
    return message


def assert_like(data: datasets.Dataset, frame: pd.DataFrame, target: str) -> None:
    """A data set holds what a frame does, whatever the dtypes."""
    got = data.X.assign(**{target: data.y})
    assert set(got) == set(frame)
    assert list(data.X) == [name for name in frame if name != target]
    for name, wanted in frame.items():
        assert np.array_equal(got[name].isna(), wanted.isna())
        values, expected = got[name].dropna(), wanted.dropna()
        if pd.api.types.is_numeric_dtype(wanted):
            assert pd.api.types.is_numeric_dtype(values)
            assert np.array_equal(values, expected)
        else:
            assert list(map(str, values)) == list(map(str, expected))


def configuration() -> list[object]:
    """What the client and its surroundings are set to."""
    return [
        openml.config.get_config_as_dict(),
        dict(os.environ),
        dict(vars(openml._api_calls)),
        list(logging.getLogger().handlers),
    ]
