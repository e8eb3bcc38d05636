"""From checked rows and targets to a task that can be trained."""

from __future__ import annotations

import copy
import inspect
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_random_state

from sk_mixup._data.memo import Memo
from sk_mixup._data.moments import Moments
from sk_mixup._data.neighbors import Draw
from sk_mixup._data.statistics import FEWEST_ROWS, feature_moments
from sk_mixup._data.streams import Streams
from sk_mixup._data.subsets import RowSubset
from sk_mixup._data.tables import numpy_dtype
from sk_mixup._networks.architecture import MLPArchitecture
from sk_mixup._networks.bins import Bins
from sk_mixup._networks.input_layers import EncodedInputs, Standardize
from sk_mixup._training.binning import bins_learnt_anew, bins_of_members
from sk_mixup._training.continued import (
    bins_of,
    net_to_go_on_with,
    reservoir_of,
    with_known_bins,
)
from sk_mixup._training.duration import takes_long, warn_of_width
from sk_mixup._training.fit_data import FitRows
from sk_mixup._training.memory import check_members
from sk_mixup._training.mixing import Vicinity
from sk_mixup._training.optimizers import resolve_optimizer
from sk_mixup._training.recipe import recipe_of
from sk_mixup._training.run import Run, Score
from sk_mixup._training.settings import Settings
from sk_mixup._training.target_spec import TargetSpec
from sk_mixup._training.task import Fitted, Start, Task
from sk_mixup._training.validation_split import Pair, split_members
from sk_mixup._training.warping import Distances
from sk_mixup.vicinity import Pairing, RandomPairs, TrainingRows


class Member(NamedTuple):
    """A network of an ensemble, and by what its features are standardised."""

    run: Run
    moments: Moments | None
    layer: Standardize


def prepare_task(
    given: FitRows, spec: TargetSpec, settings: Settings, start: Start, memo: Memo
) -> Task:
    """Return the task of an estimator's networks on checked rows."""
    rows = given.rows
    holds_out = _holds_out(given, spec, settings, start)
    _check_memory(rows, spec, settings, holds_out)
    make = MemberFactory(given, spec, settings, start, memo)
    streams = _streams(settings, start)
    pairs = _pairs(given, spec, settings, start, streams, memo)
    members = [make.member(pair, own) for pair, own in zip(pairs, streams, strict=True)]
    runs = [member.run for member in members]
    # Any run stands for all: every member has as many training rows.
    _warn_of_width(settings, spec, rows, len(runs[0].training), memo)
    reservoir = reservoir_of(settings, start, rows, streams[0].entropy)
    standardize = Standardize.concatenate([member.layer for member in members])
    moments = [member.moments for member in members]
    if start.net is None:
        trainings = [run.training for run in runs]
        inputs = _with_bins(settings, rows, trainings, standardize, memo)
    else:
        bins = bins_of(start.net.module_.inputs)
        # As rows double, and not at every call: what bins become is only interpolated.
        if reservoir is not None and reservoir.is_due:
            sample = reservoir.sample(rows.targets)
            bins = bins_learnt_anew(sample, settings.encodings_of_members, bins)
            reservoir = reservoir.learnt()
        inputs = with_known_bins(standardize, bins, rows.device)
    return Task(
        recipe=recipe_of(settings, spec, runs[0], inputs, start.one_epoch),
        runs=runs,
        inputs=inputs,
        fitted=Fitted(
            lasting=settings.lasting,
            streams=streams,
            moments=moments,
            target_moments=rows.targets.moments,
            weight_unit=rows.weight_unit,
            reservoir=reservoir,
        ),
        net_params=_net_params(settings),
        net=net_to_go_on_with(start, rows, inputs, moments),
        alone=start.one_epoch or not start.is_fresh or _is_watched(settings),
        widen=rows.table.widen,
    )


class MemberFactory:
    """Makes the networks of an ensemble, each with rows and statistics of its own.

    What two estimators that are prepared together have in common is computed once.
    """

    def __init__(
        self,
        given: FitRows,
        spec: TargetSpec,
        settings: Settings,
        start: Start,
        memo: Memo,
    ) -> None:
        self.given, self.spec, self.settings = given, spec, settings
        self.start, self.memo = start, memo

    def member(self, pair: Pair, streams: Streams) -> Member:
        """Return a member by its training rows and validation rows."""
        training, validation = pair
        moments = self._moments(training, streams.member)
        layer = self._standardize(training, moments)
        return Member(self._run(training, validation, layer, streams), moments, layer)

    def _moments(self, training: RowSubset, member: int) -> Moments | None:
        """Return mean and deviation of the features, earlier rows included."""
        if not self.settings.standardize:
            return None
        earlier = self.start.earlier
        before = None if earlier is None else earlier.moments[member]
        # So few rows have no quartiles; earlier ones have.
        hint = before if len(training) < FEWEST_ROWS else None
        moments = self.memo.get(
            "moments", (training, hint), partial(_moments_of, training, hint)
        )
        return moments if before is None else _flushed(before.joined(moments))

    def _standardize(self, training: RowSubset, moments: Moments | None) -> Standardize:
        """Return a member's input layer."""
        features = training.table.shape[1:]
        clip = None if self.settings.clip is None else float(self.settings.clip)

        def compute() -> Standardize:
            layer = Standardize.by(moments, features, clip)
            return layer.to(training.device)

        return self.memo.get(("input layer", clip), (training, moments), compute)

    def _run(
        self,
        training: RowSubset,
        validation: RowSubset | None,
        layer: Standardize,
        streams: Streams,
    ) -> Run:
        """Return a member as it is trained."""
        vicinity = _vicinity(self.settings, self.spec, streams.member)
        pairing = vicinity.pairing
        draw = self.memo.get(
            ("partners", pairing),
            (training, layer),
            partial(_draw_of, pairing, training, layer),
        )
        score = self._score(validation)
        warps = vicinity.warping_width is not None
        distances = Distances(training, layer) if warps else None
        return Run(training, vicinity, draw, streams, validation, score, distances)

    def _score(self, validation: RowSubset | None) -> Score | None:
        """Return what scores the network after each epoch, None for its loss."""
        scored_on, stops = self.given.scored_on, self.settings.early_stopping
        if validation is None or scored_on is None or not stops:
            return None
        return scored_on(validation)


def _moments_of(training: RowSubset, hint: Moments | None) -> Moments:
    return _flushed(feature_moments(training, hint))


def _flushed(moments: Moments) -> Moments:
    return moments.flushed(numpy_dtype(torch.get_default_dtype()))


def _holds_out(
    given: FitRows, spec: TargetSpec, settings: Settings, start: Start
) -> bool:
    """Tell whether each member leaves rows out of its training."""
    if given.validation is not None or start.one_epoch:
        return False
    return bool(settings.early_stopping or spec.calibrated)


def _check_memory(
    rows: RowSubset, spec: TargetSpec, settings: Settings, holds_out: bool
) -> None:
    n_weights = 0  # of a user's module, which are not known
    if settings.module is None:
        sizes = int(np.prod(rows.table.shape[1:])), *settings.hidden_sizes
        n_weights = MLPArchitecture((*map(int, sizes), spec.n_outputs)).n_weights
    optimizer = resolve_optimizer(settings.optimizer)
    n_rows = len(rows) if holds_out else 0
    check_members(int(settings.n_estimators), n_weights, n_rows, optimizer, rows.device)


def _pairs(
    given: FitRows,
    spec: TargetSpec,
    settings: Settings,
    start: Start,
    streams: list[Streams],
    memo: Memo,
) -> list[Pair]:
    """Return each member's training rows and, if needed, its validation rows."""
    if given.validation is not None:
        return [(given.rows, given.validation)] * len(streams)
    if not _holds_out(given, spec, settings, start):
        return [(given.rows, None)] * len(streams)
    return split_members(given, settings, streams, memo)


def _draw_of(pairing: Pairing, training: RowSubset, layer: Standardize) -> Draw:
    """Let the pairing look at the training rows."""

    def standardized() -> Any:
        return training.table.standardized(training.numbers_in_table, layer)

    # Computed when asked for: most pairings look at no rows.
    draw = pairing.fit(TrainingRows(standardized, training.targets.groups()))
    if not callable(draw):
        raise TypeError(
            f"{pairing!r} must return from fit the function that draws partners, but "
            f"returned {type(draw).__name__}."
        )
    return draw


def _with_bins(
    settings: Settings,
    rows: RowSubset,
    trainings: list[RowSubset],
    standardize: Standardize,
    memo: Memo,
) -> Standardize:
    """Return the input layer of new members."""
    if settings.module is not None:
        return standardize
    encodings = settings.encodings_of_members
    bins = bins_of_members(rows, trainings, encodings, memo)
    return EncodedInputs(standardize, Bins.concatenate(bins)) if bins else standardize


def _vicinity(settings: Settings, spec: TargetSpec, member: int) -> Vicinity:
    alpha = settings.alpha_of(member)
    return Vicinity(
        # Without mixing no neighbours need to be searched.
        pairing=_pairing(settings) if alpha > 0 else RandomPairs(),
        alpha=alpha,
        n_mixed=settings.n_mixed,
        weights_per=settings.weights_per,
        warping=None if settings.warping is None else float(settings.warping),
        mix_features=settings.mix_features,
        mix_target=spec.mix_target,
        label_smoothing=spec.label_smoothing,
        noise_std=settings.noise_std,
    )


def _pairing(settings: Settings) -> Pairing:
    """Return the pairing, one given by name with the parameters that it takes."""
    if isinstance(settings.pairing, Pairing):
        return settings.pairing
    kind = settings.pairings[settings.pairing]
    # Fields of a pairing have the names of the estimator's parameters.
    wanted = inspect.signature(kind).parameters
    return kind(**{name: getattr(settings, name) for name in wanted})


def _streams(settings: Settings, start: Start) -> list[Streams]:
    if start.fitted is not None:
        # A copy: a fit that fails must leave the streams where they were.
        return copy.deepcopy(start.fitted.streams)
    # The global generators are never touched, not even to seed from them.
    if settings.random_state is None:
        entropy = int(np.random.SeedSequence().generate_state(1)[0])
    else:
        # One draw, as in scikit-learn: a RandomState gives the next fit another seed.
        entropy = int(check_random_state(settings.random_state).randint(2**31 - 1))
    return [Streams(entropy, member) for member in range(settings.n_estimators)]


def _net_params(settings: Settings) -> dict[str, Any]:
    return {
        **(settings.net_params or {}),
        "callbacks": list(settings.callbacks or []),
        "verbose": int(settings.verbose),
    }


def _is_watched(settings: Settings) -> bool:
    """Tell whether the training is the user's to follow, or of a user's module."""
    special = settings.callbacks, settings.verbose, settings.net_params, settings.module
    return any(special)


def _warn_of_width(
    settings: Settings,
    spec: TargetSpec,
    rows: RowSubset,
    n_rows: int,
    memo: Memo,
) -> None:
    """Warn once of a table whose many columns make the fit take minutes."""
    n_columns = int(np.prod(rows.table.shape[1:]))
    visits = int(settings.n_estimators) * int(settings.max_epochs)
    if settings.module is not None or not takes_long(n_rows, n_columns, visits):
        return
    units = [*settings.hidden_sizes, spec.n_outputs][0]
    weights = n_columns * int(units * settings.n_estimators)
    warn = partial(warn_of_width, n_rows, n_columns, weights)
    memo.get("width", (rows.table,), warn)
