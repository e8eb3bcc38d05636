"""
Pairings, weights, labels and noise
===================================

Virtual examples for a table of two features, by pairing, weights, label and noise. Open
markers are the rows, filled points the virtual examples. Their colour is the fraction
of the second class in the label.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from sklearn.datasets import make_moons
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sk_mixup import MixupClassifier
from sk_mixup.vicinity import (
    Neighbors,
    RandomPairs,
    SameClass,
    SameClassNeighbors,
    Similar,
    TrainingRows,
)

X, y = make_moons(120, noise=0.1, random_state=0)
X = StandardScaler().fit_transform(X)
rng = np.random.default_rng(0)
LABELS = LinearSegmentedColormap.from_list("", ["#0072B2", "#BBBBBB", "#D55E00"])
SHARE = "fraction of the second class"


def canvas(n_rows, n_columns, height):
    """Make axes without ticks, with the rows in them."""
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(9, height), layout="constrained"
    )
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        for label, marker in enumerate("os"):
            style = {"marker": marker, "s": 24, "facecolor": "none", "alpha": 0.6}
            ax.scatter(*X[y == label].T, edgecolor=LABELS(1.0 * label), **style)
    return figure, axes.ravel()


def points(ax, inputs, labels):
    """Draw virtual examples."""
    colors = {"c": labels, "cmap": LABELS, "vmin": 0, "vmax": 1}
    return ax.scatter(*inputs.T, s=22, zorder=3, edgecolor="k", linewidth=0.3, **colors)


# %%
# Pairings
# --------
#
# The ``fit`` of a pairing takes the training rows and returns a function that draws the
# partners of an epoch. A thin line joins each row with its partner; the virtual example
# lies on it. Random pairs connect all regions of the data. Pairs of one class and pairs
# of neighbours stay closer to the data; neighbours within a class are the pairs of
# SMOTE.

rows = TrainingRows(lambda: X, y)
order = rng.permutation(len(X))

figure, axes = canvas(2, 2, height=6.5)
for ax, pairing in zip(
    axes,
    [RandomPairs(), SameClass(), Neighbors(10), SameClassNeighbors(10)],
    strict=True,
):
    partners = pairing.fit(rows)(order, len(X), 1, rng)[:, 0]
    ends = np.stack([X[order], X[partners]])
    ax.plot(*np.moveaxis(ends, -1, 0), color="0.75", linewidth=0.5)
    weights = rng.uniform(size=len(X))  # Beta(1, 1)
    inputs = weights[:, None] * ends[0] + (1 - weights)[:, None] * ends[1]
    labels = weights * y[order] + (1 - weights) * y[partners]
    drawn = points(ax, inputs, labels)
    ax.set_title(repr(pairing))
figure.colorbar(drawn, ax=axes, shrink=0.5, label=SHARE)
plt.show()

# %%
# Weights
# -------
#
# One minibatch of eight rows. With ``weights_per="batch"`` all virtual examples lie at
# the same fraction of their lines, with ``weights_per="example"`` at different ones.
# Three rows (``n_mixed=3``) span a triangle; Dirichlet weights cover all of it.

rng = np.random.default_rng(1)
batch = rng.permutation(len(X))[:8]
n = len(batch)
mixed = np.column_stack([batch, RandomPairs().fit(rows)(batch, n, 2, rng)])

figure, axes = canvas(1, 3, height=3.3)
for ax, title, weights in zip(
    axes,
    ['weights_per="batch"', 'weights_per="example"', "n_mixed=3"],
    [
        rng.dirichlet([1, 1], size=1).repeat(n, axis=0),
        rng.dirichlet([1, 1], size=n),
        rng.dirichlet([1, 1, 1], size=n),
    ],
    strict=True,
):
    examples = mixed[:, : weights.shape[1]]
    ax.fill(*X[examples].T, facecolor="none", edgecolor="0.7", linewidth=0.7)
    inputs = (weights[:, :, None] * X[examples]).sum(axis=1)
    points(ax, inputs, (weights * y[examples]).sum(axis=1))
    ax.set_title(title)
plt.show()

# %%
# Labels and noise
# ----------------
#
# A callback of skorch records the minibatches of a :class:`~sk_mixup.MixupClassifier`
# during training. The first two panels have one seed, hence the same pairs and weights:
# only the labels differ. The last two are without mixing (``alpha=0``).


class Record(Callback):
    """Keep the virtual examples of the first network."""

    def on_train_begin(self, net, **kwargs):
        """Begin with none."""
        self.inputs, self.labels = [], []

    def on_batch_begin(self, net, batch, **kwargs):
        """Keep the inputs and the fraction of the second class."""
        self.inputs.append(batch.inputs[0].numpy())
        self.labels.append(batch.targets[0, :, 1].numpy())


figure, axes = canvas(2, 2, height=6.5)
for ax, params in zip(
    axes,
    [
        {"alpha": 1, "mix_target": "interpolate"},
        {"alpha": 1, "mix_target": "dominant"},
        {"alpha": 0, "label_smoothing": 0.5},
        {"alpha": 0, "noise_std": 0.2},
    ],
    strict=True,
):
    record = Record()
    model = MixupClassifier.paper(**params, weights_per="example", batch_size=32)
    model.set_params(max_epochs=1, callbacks=[record], random_state=0).fit(X, y)
    inputs, labels = map(np.concatenate, (record.inputs, record.labels))
    drawn = points(ax, inputs, labels)
    ax.set_title(", ".join(f"{name}={value!r}" for name, value in params.items()))
figure.colorbar(drawn, ax=axes, shrink=0.5, label=SHARE)
plt.show()

# %%
# Similar targets, for regression
# -------------------------------
#
# For real targets, ``pairing="similar"`` prefers partners with similar targets
# (C-Mixup). The smaller the bandwidth, in standard deviations of the target, the closer
# the virtual examples are to the curve.

x = np.sort(rng.uniform(-3, 3, size=120))
target = np.tanh(2 * x) + 0.3 * x + rng.normal(scale=0.08, size=len(x))
target = (target - target.mean()) / target.std()
rows = TrainingRows(lambda: x[:, None], target[:, None])
order = rng.permutation(len(x))

figure, axes = plt.subplots(
    1, 3, figsize=(9, 3.3), sharex=True, sharey=True, layout="constrained"
)
for ax, pairing in zip(axes, [RandomPairs(), Similar(0.5), Similar(0.1)], strict=True):
    partners = pairing.fit(rows)(order, len(x), 1, rng)[:, 0]
    weights = rng.uniform(size=len(x))
    joined = np.stack([[x[order], x[partners]], [target[order], target[partners]]])
    ax.plot(*joined, color="0.75", linewidth=0.5)
    ax.scatter(x, target, s=24, facecolor="none", edgecolor="#0072B2", alpha=0.6)
    mixed = weights * joined[:, 0] + (1 - weights) * joined[:, 1]
    ax.scatter(*mixed, s=22, color="#D55E00", edgecolor="k", linewidth=0.3, zorder=3)
    ax.set(title=repr(pairing), xlabel="feature", xticks=[], yticks=[])
axes[0].set_ylabel("target")
plt.show()
