"""
The surface between two classes
===============================

A network trained on the examples alone changes its mind abruptly somewhere between
the classes. Trained by mixup it has to pass from one class to the other gradually,
since the points between two examples were given the labels between theirs. This is
the comparison of Figure 1b of arXiv:1710.09412, on other data.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay

from sk_mixup import MixupClassifier

X, y = make_moons(200, noise=0.15, random_state=0)

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, alpha in zip(axes, [0, 1], strict=True):
    model = MixupClassifier(alpha=alpha, max_epochs=100, random_state=0).fit(X, y)
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", cmap="RdBu", alpha=0.6, ax=ax
    )
    ax.scatter(*X.T, c=y, cmap="RdBu", edgecolor="k", s=15)
    ax.set_title("ERM (alpha = 0)" if alpha == 0 else f"mixup (alpha = {alpha})")
plt.show()
