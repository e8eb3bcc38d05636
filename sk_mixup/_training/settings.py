"""An estimator's parameters as one value, with what follows from them alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from types import SimpleNamespace
from typing import Any

import torch

from sk_mixup._data.arithmetic import ceil_div
from sk_mixup._data.frames import CategoryRules
from sk_mixup._networks.architecture import work_of_step
from sk_mixup._networks.torch_modes import resolve_device
from sk_mixup._training.equality import same_value, snapshot
from sk_mixup._training.optimizers import name_of, resolve_optimizer
from sk_mixup.encodings import Encoding, QuantileBins, Standardized
from sk_mixup.vicinity import Pairing

#: Steps that mix with ``clean_epochs="auto"``, within a fifth and a half of all epochs
#: (docs/results/defaults.md, "Mixing by steps").
MIXED_STEPS = 500

#: Of a step, in floating-point operations: about four networks of the default size. A
#: step is some 30 launches on a GPU whatever it computes, about a quarter of a
#: millisecond, in which a CPU has trained fewer. By arithmetic, not measured on a card.
LEAST_GPU_WORK = 35_000_000

#: What "auto" stands for on a table of so many rows. With every doubling of the rows
#: minibatches grow by 2^(1/2), epochs get fewer by 2^(2/3), down to ten. Doublings are
#: whole, so that folds of a table, which differ by a row, are trained as one stack.
MANY_ROWS = 10_000
SMALL_BATCH, MOST_EPOCHS, FEWEST_EPOCHS = 64, 100, 10
#: Epochs for each of patience.
EPOCHS_OF_PATIENCE = 5

ENCODINGS: dict[str, Encoding] = {
    "standardized": Standardized(),
    "bins": QuantileBins(),
}


class Settings(SimpleNamespace):
    """The parameters of an estimator by name, and its named pairings.

    Sizes that are "auto" are numbers only in what :meth:`for_rows` returns.

    Parameters
    ----------
    pairings : dict of type
        The classes that ``pairing`` may name.
    predicts_numbers : bool
        Whether targets are real numbers.
    **params : Any
        Every parameter of the estimator.
    """

    pairings: dict[str, type[Pairing]]
    predicts_numbers: bool

    def for_rows(self, n_rows: int) -> Settings:
        """Return the settings with numbers for "auto", for a table of so many rows."""
        doublings = max(0, round(math.log2(max(1, n_rows) / MANY_ROWS)))
        epochs = round(max(FEWEST_EPOCHS, MOST_EPOCHS / 2 ** (2 / 3 * doublings)))
        numbers = {
            "batch_size": round(SMALL_BATCH * 2 ** (doublings / 2)),
            "max_epochs": epochs,
            "n_iter_no_change": round(epochs / EPOCHS_OF_PATIENCE),
        }
        params = vars(self)
        autos = {name: n for name, n in numbers.items() if params[name] == "auto"}
        return self._with(**autos)

    def for_one_epoch(self) -> Settings:
        """Return the settings of an epoch by itself, which is one of those that mix."""
        return self._with(
            max_epochs=1,
            warmup_epochs=0,
            clean_epochs=0,
            lr_schedule="constant",
            time_limit=None,
        )

    def _with(self, **changes: Any) -> Settings:
        return Settings(**(vars(self) | changes))

    @property
    def hidden_sizes(self) -> tuple[Any, ...]:
        """Widths of the hidden layers, as given and perhaps not checked yet."""
        sizes = self.hidden_layer_sizes
        return (int(sizes),) if isinstance(sizes, Integral) else tuple(sizes)

    @property
    def torch_device(self) -> torch.device:
        """The device; "auto" takes a GPU for networks with enough to compute."""
        # What a user's module computes is not known.
        small = self.module is None and self._work < LEAST_GPU_WORK
        return resolve_device("cpu" if small and self.device == "auto" else self.device)

    @property
    def _work(self) -> int:
        """Floating-point operations of a step, of rows of some features."""
        # Of how many is not known before the table is read.
        n_weights = sum(i * o for i, o in pairwise((64, *self.hidden_sizes)))
        return int(work_of_step(n_weights, self.batch_size, self.n_estimators))

    @property
    def alphas(self) -> tuple[float, ...]:
        """The alphas that the members cycle through."""
        return tuple(self.alpha) if _is_several(self.alpha) else (self.alpha,)

    @property
    def encodings(self) -> tuple[Encoding, ...]:
        """The encodings that the members cycle through."""
        given = self.encoding if _is_several(self.encoding) else (self.encoding,)
        return tuple(map(_encoding, given))

    def alpha_of(self, member: int) -> float:
        """Return a member's alpha."""
        return float(self.alphas[member % len(self.alphas)])

    def encoding_of(self, member: int) -> Encoding:
        """Return a member's encoding."""
        n_encodings = len(self.encodings)
        # One more after each common round with the alphas: with as many of the one as
        # of the other, some pairs would never be met.
        turn = member + member // math.lcm(len(self.alphas), n_encodings)
        return self.encodings[turn % n_encodings]

    @property
    def encodings_of_members(self) -> list[Encoding]:
        """Each member's encoding."""
        return [self.encoding_of(member) for member in range(int(self.n_estimators))]

    @property
    def quantiles(self) -> tuple[float, ...] | None:
        """What a quantile loss estimates, None of other losses."""
        if vars(self).get("loss") != "quantile":
            return None
        quantile = self._quantile
        return quantile if isinstance(quantile, tuple) else (quantile,)

    @property
    def _quantile(self) -> Any:
        """The quantile, or several as a tuple, as given and perhaps not checked yet."""
        if vars(self).get("loss") != "quantile":
            return None
        several = _is_several(self.quantile)
        return tuple(self.quantile) if several else self.quantile

    @property
    def mixing_layer(self) -> int | str | None:
        """Where rows are mixed, None for the input and where nothing is mixed."""
        # One value for all of these: they have the same recipe and share a stack.
        at_input = self.mix_layer in ("input", 0) or not any(self.alphas)
        return None if at_input else self.mix_layer

    def epochs(self, number: float) -> int:
        """Return a number of epochs, which may be given as a fraction of all."""
        if isinstance(number, Integral):
            return int(number)
        # In binary, 0.29 of 100 epochs are a little less than 29.
        return int(number * self.max_epochs + 1e-9)

    def clean_epochs_of(self, n_rows: int) -> int:
        """Return the number of last epochs that do not mix, of so many rows."""
        if self.clean_epochs != "auto":
            return self.epochs(self.clean_epochs)
        steps = ceil_div(n_rows, self.batch_size)
        least, most = ceil_div(self.max_epochs, 5), ceil_div(self.max_epochs, 2)
        mixed = min(max(ceil_div(MIXED_STEPS, steps), least), most)
        return max(0, self.max_epochs - self.epochs(self.warmup_epochs) - mixed)

    @property
    def categories(self) -> CategoryRules:
        """Which columns are categories, and which of their levels are rare."""
        return CategoryRules.of(
            self.categorical_features, self.max_categories, self.min_frequency
        )

    @property
    def lasting(self) -> dict[str, Any]:
        """The parameters that cannot change while training goes on, by name."""
        sizes = tuple(map(int, self.hidden_sizes))
        return {
            "n_estimators": int(self.n_estimators),
            "hidden_layer_sizes": None if self.module else sizes,
            "module": self.module,
            # Copies: a dict that the user changes later would still equal itself.
            "module_params": snapshot(self.module_params or {}),
            "encoding": self.encodings,
            "loss": vars(self).get("loss"),
            "quantile": self._quantile,
            "categorical_features": self.categories.comparable,
            "max_categories": int(self.max_categories),
            "min_frequency": self.min_frequency,
            "standardize": bool(self.standardize),
            "clip": float(self.clip) if self.standardize and self.clip else None,
            "optimizer": name_of(resolve_optimizer(self.optimizer)),
            "optimizer_params": snapshot(self.optimizer_params or {}),
            "net_params": snapshot(self.net_params or {}),
        }

    def check_unchanged(self, before: dict[str, Any]) -> None:
        """Check that networks with these lasting parameters can be trained on."""
        for name, wanted in self.lasting.items():
            if not same_value(before[name], wanted):
                raise ValueError(
                    f"{name} cannot change from {before[name]} to {wanted} in a "
                    "continued training; fit a new estimator."
                )


def _is_several(value: Any) -> bool:
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    return listed or getattr(value, "ndim", 0) > 0


def _encoding(given: Any) -> Any:
    """Return the encoding of a name, and anything else as it is."""
    return ENCODINGS.get(given, given) if isinstance(given, str) else given
