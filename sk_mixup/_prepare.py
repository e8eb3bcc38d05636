"""From an estimator and its data to a problem that can be trained."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_random_state, validate_data

from sk_mixup import _data
from sk_mixup._architecture import Architecture, MLPArchitecture, ModuleArchitecture
from sk_mixup._columns import holds_codes, warn_of_lost_digits
from sk_mixup._duration import takes_long, warn_of_width
from sk_mixup._epoch import Plan
from sk_mixup._equality import same_value, snapshot
from sk_mixup._modules import Standardize
from sk_mixup._moments import Moments
from sk_mixup._net import MixupNet
from sk_mixup._parameters import check_parameters, epochs, try_optimizer
from sk_mixup._rows import Classes, Portion, Run, Streams, Table, Values
from sk_mixup._scaling import FEWEST_ROWS, feature_moments, standardization
from sk_mixup._sklearn import _check_sample_weight
from sk_mixup._split import equal_rows, split_portion
from sk_mixup._stacks import Problem, Recipe
from sk_mixup.vicinity import Pairing, RandomPairs, Vicinity

if TYPE_CHECKING:
    from sk_mixup._estimator import BaseMixup

#: Steps that mix with ``clean_epochs="auto"``, within bounds.
MIXED_STEPS = 500


class Preparation:
    """The stages between ``fit(X, y, sample_weight)`` and the training.

    Parameters
    ----------
    estimator : BaseMixup
        Whose parameters have been checked one by one.
    memo : Memo
        What estimators prepared together share.
    one_epoch : bool
        Whether this is a ``partial_fit``.
    """

    def __init__(self, estimator: BaseMixup, memo: _data.Memo, one_epoch: bool) -> None:
        self.estimator, self.memo, self.one_epoch = estimator, memo, one_epoch
        continues = one_epoch or estimator.warm_start
        self.first = not (continues and hasattr(estimator, "net_"))
        self._adds_rows = one_epoch and not self.first

    def problem(self, X: Any, y: Any, sample_weight: Any) -> Problem:
        """Check everything and return what is to be trained."""
        check_parameters(self.estimator)
        if not self.first:
            self._check_networks_at_hand()
        self.device = _data.resolve_device(self.estimator.device)
        table = self._table(X)
        self._check_codes(X)
        encoded = self.estimator._encode(y, self.first, self.one_epoch)
        if table.shape[0] != len(encoded):
            raise ValueError(
                f"X and y must be of one length, but X has {table.shape[0]} rows and y "
                f"has {len(encoded)}."
            )
        whole = self.memo.get(
            ("rows", self.estimator._loss, self.device, self._class_weight),
            (X, y, sample_weight, None if self.first else self.estimator),
            lambda: self._portion(table, encoded, sample_weight),
        )
        streams = self._streams()
        members = [self._member(whole, number, s) for number, s in enumerate(streams)]
        runs = [run for run, *_ in members]
        self._warn_of_width(table, len(runs[0].training))
        standardize = Standardize.concatenate([figures for _, figures, _ in members])
        moments = [own for *_, own in members]
        return Problem(
            recipe=self._recipe(runs),
            runs=runs,
            standardize=standardize,
            net=None if self.first else self._net(standardize, moments, whole.targets),
            net_params=self._net_params,
            fixed=self._fixed,
            moments=moments,
        )

    def _warn_of_width(self, table: Table, n_rows: int) -> None:
        """Warn once of a table whose many columns make the fit take minutes."""
        est = self.estimator
        n_columns = int(np.prod(table.shape[1:]))
        visits = int(est.n_estimators) * (1 if self.one_epoch else int(est.max_epochs))
        if est.module is not None or not takes_long(n_rows, n_columns, visits):
            return
        units = [*est._hidden_sizes, est._n_outputs][0]
        weights = n_columns * int(units * est.n_estimators)
        warn = partial(warn_of_width, n_rows, n_columns, weights)
        self.memo.get("width", (table,), warn)

    def _net(
        self,
        standardize: Standardize,
        moments: Sequence[Moments | None],
        targets: Classes | Values,
    ) -> MixupNet:
        """Return a copy of the net at hand that goes by other mean and deviation."""
        net: MixupNet = self.estimator.net_.copy_to_train_on()
        before = self.estimator._target_moments
        if isinstance(targets, Values) and before and targets.moments:
            net.module_.body.follow_targets(before, targets.moments)
        net.module_.follow_inputs(self.estimator._moments, moments, standardize)
        return net

    @property
    def _fixed(self) -> dict[str, Any]:
        """What cannot change while training goes on, by the parameters' names."""
        est = self.estimator
        sizes = tuple(map(int, est._hidden_sizes))
        optimizer = _data.resolve_optimizer(est.optimizer)
        return {
            "n_estimators": int(est.n_estimators),
            "hidden_layer_sizes": None if est.module else sizes,
            "module": est.module,
            "module_params": snapshot(est.module_params or {}),
            "loss": getattr(est, "loss", None),
            "standardize": bool(est.standardize),
            "clip": float(est.clip) if est.standardize and est.clip else None,
            "optimizer": f"{optimizer.__module__}.{optimizer.__qualname__}",
            "optimizer_params": snapshot(est.optimizer_params or {}),
            "net_params": snapshot(est.net_params or {}),
        }

    def _check_networks_at_hand(self) -> None:
        """Check that the networks to go on with are those that are asked for."""
        for name, wanted in self._fixed.items():
            trained = self.estimator._fixed[name]
            if not same_value(trained, wanted):
                raise ValueError(
                    f"{name} cannot change from {trained} to {wanted} in a continued "
                    "training; fit a new estimator."
                )

    @property
    def _class_weight(self) -> str:
        return repr(getattr(self.estimator, "class_weight", None))

    def _check_codes(self, X: Any) -> None:
        """Check that whole numbers, which a module may take for codes, stay whole."""
        est = self.estimator
        if est.module is None or not holds_codes(X):
            return
        changed_by = {
            "standardize=True": est.standardize,
            f"noise_std={est.noise_std}": est.noise_std > 0,
            f"mix_layer={est.mix_layer!r} with alpha={est.alpha}": est.alpha > 0
            and self._mix_layer is None,
        }
        reasons = [setting for setting, changes in changed_by.items() if changes]
        if reasons:
            raise ValueError(
                f"X holds whole numbers, which {' and '.join(reasons)} would change "
                "before module takes them. If they are codes, as for an embedding, set "
                "standardize=False, noise_std=0 and mix_layer to the name of a "
                "submodule behind it (or alpha=0); if they are quantities, give "
                "X.astype(float)."
            )

    def _table(self, X: Any) -> Table:
        """Check X, learn its features if first, and put it on the device once."""
        checked: list[Any] = []

        def check() -> Table:
            dtype = _data.numpy_dtype(torch.get_default_dtype())
            checked.append(self.estimator._check_rows(X, dtype, reset=self.first))
            if self.first and self.estimator.standardize:
                warn_of_lost_digits(X, dtype)
            return _data.as_table(checked[0], self.device)

        name = ("table", self.device, self.estimator.module is None)
        table = self.memo.get(name, (X,), check)
        if not checked:
            validate_data(self.estimator, X, reset=self.first, skip_check_array=True)
        return table

    def _portion(
        self, table: Table, encoded: NDArray[Any], sample_weight: Any
    ) -> Portion:
        """Return the rows that weigh anything."""
        weights = self._weights(encoded, sample_weight)
        unit = self._weight_unit
        if weights is None and unit in (None, 1):
            targets = self.estimator._targets(encoded, None, 1.0, self._adds_rows)
            return Portion(table, targets.to(self.device))
        if weights is None:
            weights = np.ones(len(encoded))
        dtype = torch.get_default_dtype()
        # In single precision a weight far below the others is 0.
        shares = (weights / weights.max()).astype(_data.numpy_dtype(dtype))
        kept = np.flatnonzero(shares)
        weights = weights[kept]
        if unit is None:
            unit = float((weights / len(weights)).sum())  # a mean that cannot overflow
        weights = _in_units(weights, unit)
        targets = self.estimator._targets(encoded[kept], weights, unit, self._adds_rows)
        return Portion(
            table,
            targets.to(self.device),
            torch.from_numpy(kept).to(self.device),
            torch.as_tensor(weights, dtype=dtype, device=self.device),
            unit,
        )

    @property
    def _weight_unit(self) -> float | None:
        """What weights are divided by: in a further epoch, as in the one before.

        Else a minibatch of one class would lose the class's weight.
        """
        return self.estimator._weight_unit if self._adds_rows else None

    def _weights(self, encoded: NDArray[Any], sample_weight: Any) -> Any:
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, encoded, dtype=np.float64, ensure_non_negative=True
            )
        of_class = self.estimator._class_weights(encoded, weights)
        if of_class is not None:
            weights = _product(of_class, weights)
        if weights is not None and not weights.any():
            raise ValueError("Every row has the weight 0: no row is left to train on.")
        return weights

    def _streams(self) -> list[Streams]:
        est = self.estimator
        if not self.first:
            return copy.deepcopy(est._streams)
        # The global generators are never touched, not even to seed from them.
        if est.random_state is None:
            entropy = int(np.random.SeedSequence().generate_state(1)[0])
        else:
            entropy = int(check_random_state(est.random_state).randint(2**31 - 1))
        return [Streams(entropy, member) for member in range(est.n_estimators)]

    def _member(
        self, whole: Portion, number: int, streams: Streams
    ) -> tuple[Run, Standardize, Moments | None]:
        """Return one network's run and its standardisation."""
        training, validation = self._split(whole, streams)
        moments = self._moments(training, number)
        figures = self._figures(training, moments)
        vicinity = self._vicinity()
        draw = self.memo.get(
            ("partners", vicinity.pairing),
            (training, figures),
            partial(self._partner_draw, vicinity.pairing, training, figures),
        )
        return Run(training, vicinity, draw, streams, validation), figures, moments

    def _split(
        self, whole: Portion, streams: Streams
    ) -> tuple[Portion, Portion | None]:
        est = self.estimator
        if self.one_epoch or not est._needs_validation:
            return whole, None
        if len(whole) < 2:
            raise ValueError(
                f"{type(est).__name__} holds rows out for validation and needs at "
                f"least 2 rows with a weight above 0, but got n_samples={len(whole)}."
            )

        def split() -> tuple[Portion, Portion]:
            strata = est._strata(whole.targets)
            copies = self.memo.get("equal rows", (whole,), lambda: equal_rows(whole))
            return split_portion(whole, *turn, strata, copies)

        turn = est.validation_fraction, streams.entropy, streams.member
        return self.memo.get(("split", *turn), (whole,), split)

    def _moments(self, training: Portion, number: int) -> Moments | None:
        """Return mean and deviation of the features, with those of earlier epochs."""
        if not self.estimator.standardize:
            return None
        before = self.estimator._moments[number] if self._adds_rows else None
        hint = before if len(training) < FEWEST_ROWS else None
        moments = self.memo.get(
            "moments", (training, hint), lambda: feature_moments(training, hint)
        )
        return moments if before is None else before.joined(moments)

    def _figures(self, training: Portion, moments: Moments | None) -> Standardize:
        est, features = self.estimator, training.table.shape[1:]
        clip = None if est.clip is None else float(est.clip)

        def compute() -> Standardize:
            if moments is None:
                return _data.no_standardization(training).to(self.device)
            return standardization(moments, features, clip).to(self.device)

        return self.memo.get(("figures", clip), (training, moments), compute)

    def _vicinity(self) -> Vicinity:
        est = self.estimator
        return Vicinity(
            pairing=self._pairing() if est.alpha > 0 else RandomPairs(),
            alpha=float(est.alpha),
            n_mixed=est.n_mixed,
            weights_per=est.weights_per,
            mix_target=getattr(est, "mix_target", "interpolate"),
            label_smoothing=getattr(est, "label_smoothing", 0.0),
            noise_std=est.noise_std,
        )

    def _pairing(self) -> Pairing:
        est = self.estimator
        if isinstance(est.pairing, Pairing):
            return est.pairing
        kind = est._pairings[est.pairing]
        wanted = inspect.signature(kind).parameters
        return kind(**{name: getattr(est, name) for name in wanted})

    def _partner_draw(
        self, pairing: Pairing, training: Portion, figures: Standardize
    ) -> Any:
        groups = self.estimator._groups(training.targets)
        return _data.partner_draw(pairing, training, figures, groups)

    def _recipe(self, runs: list[Run]) -> Recipe:
        est = self.estimator
        optimizer = _data.resolve_optimizer(est.optimizer)
        arguments = _data.optimizer_arguments(
            optimizer, est.weight_decay, est.optimizer_params, self.device
        )
        if est.optimizer_params or not isinstance(est.optimizer, str):
            try_optimizer(optimizer, arguments, est.lr, self.device)
        plan = self._plan(runs[0])
        return Recipe(
            plan=plan,
            architecture=self._architecture(runs[0]),
            steps=-(-len(runs[0].training) // plan.batch_size),
            loss=est._loss,
            optimizer=optimizer,
            optimizer_params=tuple(sorted(arguments.items())),
            lr=est.lr,
            lr_schedule="constant" if self.one_epoch else est.lr_schedule,
            ema_halflife=0.0 if self.one_epoch else est.ema_halflife,
            device=self.device,
            patience=None
            if self.one_epoch or not est.early_stopping
            else est.n_iter_no_change,
            standardize=est.standardize,
            clip=est.clip if est.standardize else None,
            alone=object() if self._stays_alone else None,
        )

    @property
    def _stays_alone(self) -> bool:
        est = self.estimator
        special = (est.callbacks, est.verbose, est.net_params, est.module)
        return not self.first or any(special)

    def _plan(self, run: Run) -> Plan:
        est = self.estimator
        return Plan(
            batch_size=est.batch_size,
            max_epochs=1 if self.one_epoch else est.max_epochs,
            warmup_epochs=0
            if self.one_epoch
            else epochs(est.warmup_epochs, est.max_epochs),
            clean_epochs=0 if self.one_epoch else self._clean_epochs(len(run.training)),
            n_mixed=est.n_mixed,
            mix_layer=self._mix_layer,
            dropout=0.0 if est.module is not None else est.dropout,
            hidden_sizes=est._hidden_sizes,
            layer_entropy=run.streams.entropy if self._mix_layer == "random" else None,
        )

    @property
    def _mix_layer(self) -> int | str | None:
        """Where rows are mixed, if not at the input; nothing is mixed at alpha 0."""
        layer: int | str = self.estimator.mix_layer
        return None if layer in ("input", 0) or self.estimator.alpha == 0 else layer

    def _clean_epochs(self, n_rows: int) -> int:
        est = self.estimator
        if est.clean_epochs != "auto":
            return epochs(est.clean_epochs, est.max_epochs)
        steps = -(-n_rows // est.batch_size)
        least, most = -(-est.max_epochs // 5), -(-est.max_epochs // 2)
        mixed = min(max(-(-MIXED_STEPS // steps), least), most)
        return max(
            0, est.max_epochs - epochs(est.warmup_epochs, est.max_epochs) - mixed
        )

    def _architecture(self, run: Run) -> Architecture:
        est, shape = self.estimator, run.training.table.shape[1:]
        if est.module is None:
            sizes = (*shape, *est._hidden_sizes, est._n_outputs)
            return MLPArchitecture(sizes, est.bias_init)
        return ModuleArchitecture(
            est.module, shape, est._n_outputs, est.mix_layer, est.module_params or {}
        )

    @property
    def _net_params(self) -> dict[str, Any]:
        est = self.estimator
        return {
            **(est.net_params or {}),
            "callbacks": list(est.callbacks or []),
            "verbose": int(est.verbose),
        }


def _in_units(weights: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """Return weights of which 1 stands for ``unit``, in a further epoch that before."""
    with np.errstate(over="ignore"):
        relative = weights / unit
    if not 1e-30 < relative.max() < 1e30:
        raise ValueError(
            f"sample_weight is {relative.max():.3g} times as large as in the first "
            "call of partial_fit: use the same unit of weight in all calls."
        )
    return relative


def _product(
    of_class: NDArray[np.float64], weights: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the weights of rows times those of their classes."""
    if weights is None:
        return of_class
    with np.errstate(over="ignore"):
        product = weights * of_class
    if not np.isfinite(product).all():
        raise ValueError(
            "sample_weight times class_weight is too large for a float64: divide "
            "either by a constant (only ratios matter)."
        )
    return product
