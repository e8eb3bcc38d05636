"""
The decision surface between two classes
========================================

The probabilities of a network trained without mixing change abruptly between the
classes. With mixup they change gradually, because points between two examples have
labels between the labels of the examples. This is the comparison of Figure 1b of
arXiv:1710.09412, on other data.
"""

import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay

from sk_mixup import MixupClassifier

X, y = make_moons(200, noise=0.15, random_state=0)
faint = LinearSegmentedColormap.from_list("faint", ["#F0A868", "white", "#74B3DE"])
strong = ListedColormap(["#D55E00", "#0072B2"])

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, alpha in zip(axes, [0, 1], strict=True):
    model = MixupClassifier.paper(alpha, max_epochs=100, random_state=0).fit(X, y)
    surface = DecisionBoundaryDisplay.from_estimator(
        model,
        X,
        response_method="predict_proba",
        plot_method="pcolormesh",
        class_of_interest=1,
        grid_resolution=200,
        cmap=faint,
        vmin=0,
        vmax=1,
        ax=ax,
    )
    ax.scatter(*X.T, c=y, cmap=strong, edgecolor="w", linewidth=0.5, s=22)
    ax.set(xticks=[], yticks=[])
    ax.set_title("ERM (alpha = 0)" if alpha == 0 else f"mixup (alpha = {alpha})")
figure.colorbar(surface.surface_, ax=axes, label="probability of the blue class")
plt.show()
