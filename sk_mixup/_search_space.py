"""What is worth searching, as distributions to draw from."""

from __future__ import annotations

from typing import Any, Final

from scipy import stats

from sk_mixup.classifier import MixupClassifier
from sk_mixup.encodings import QuantileBins
from sk_mixup.regressor import MixupRegressor

#: Lists where few values matter or where values between them are not defined.
SPACE: Final[dict[str, Any]] = {
    # No one alpha was best on all tables, and the validation rows can weigh networks of
    # several.
    "alpha": [0, 0.1, 0.2, 0.4, 1.0, (0, 0.2, 0.4, 1.0)],
    "weights_per": ["batch", "example"],
    "mix_layer": ["input", "random"],
    "encoding": [
        "standardized",
        "bins",
        ("bins", "standardized"),
        (QuantileBins(16), "standardized"),
    ],
    "hidden_layer_sizes": [(64, 64), (128, 128), (256, 256), (128, 128, 128)],
    "dropout": [0.0, 0.1, 0.2, 0.3],
    "lr": stats.loguniform(5e-4, 5e-3),
    "weight_decay": stats.loguniform(1e-7, 1e-3),
    "clean_epochs": ["auto", 0.5, 0.75],
    "member_weights": ["uniform", "validation"],
}
OF_TWINS: Final[dict[type, dict[str, Any]]] = {
    MixupClassifier: {"label_smoothing": [0.0, 0.05, 0.1]},
    MixupRegressor: {"pairing": ["random", "similar"]},
}


def search_space(estimator: Any = None) -> dict[str, Any]:
    """Return distributions of the parameters that are worth a search.

    For :class:`~sk_mixup.model_selection.RandomizedSearchCV`, and for the randomised
    and successive halving searches of scikit-learn. Every draw is valid with the other
    parameters at their defaults.

    Parameters
    ----------
    estimator : estimator object, default=None
        The estimator to search: a :class:`MixupClassifier`, a :class:`MixupRegressor`,
        or one that contains them, such as a pipeline, which then prefixes the names
        (``mixupclassifier__alpha``). None: the parameters that both have, without a
        prefix.

    Returns
    -------
    space : dict
        For each parameter a list of values or a distribution of :mod:`scipy.stats`.
        Each call returns a new dict, which you may change.

    Raises
    ------
    ValueError
        If the estimator is neither a MixupClassifier nor a MixupRegressor, and contains
        none.

    Notes
    -----
    The values lie around the defaults and come from the studies in
    ``docs/results/defaults.md`` (``dropout``, the learning rate, ``mix_layer`` and the
    epochs without mixing) and ``docs/results/README.md`` (``alpha`` and the encoding)
    in the repository. ``max_epochs``, ``batch_size`` and ``n_estimators`` are left out:
    early stopping finds the number of epochs, and more networks are better, but slower.
    In joint training, candidates that differ in ``lr``, ``weight_decay``, ``dropout``,
    ``clean_epochs``, ``mix_layer`` or ``hidden_layer_sizes`` are trained in separate
    groups. The best score of many candidates is partly due to chance: score the best
    candidate on rows outside the search.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_mixup import MixupClassifier, search_space
    >>> space = search_space(MixupClassifier())
    >>> space["dropout"]
    [0.0, 0.1, 0.2, 0.3]
    >>> pipeline = make_pipeline(StandardScaler(), MixupClassifier())
    >>> "mixupclassifier__dropout" in search_space(pipeline)
    True
    """
    if estimator is None:
        return _copied(SPACE, "")
    space: dict[str, Any] = {}
    for prefix, held in _held_by(estimator).items():
        for twin, own in OF_TWINS.items():
            if isinstance(held, twin):
                space |= _copied(SPACE | own, prefix)
    if not space:
        raise ValueError(
            "search_space needs a MixupClassifier, a MixupRegressor or an estimator "
            f"that holds one, got {estimator!r}."
        )
    return space


def _held_by(estimator: Any) -> dict[str, Any]:
    """Return an estimator and those that are its parameters, by their prefixes."""
    held = {"": estimator}
    if hasattr(estimator, "get_params") and not isinstance(estimator, type):
        params = estimator.get_params(deep=True)
        held |= {f"{name}__": value for name, value in params.items()}
    return held


def _copied(space: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        prefix + name: list(values) if isinstance(values, list) else values
        for name, values in space.items()
    }
