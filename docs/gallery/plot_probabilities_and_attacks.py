"""
Calibration and adversarial examples
====================================

Two measurements on test rows: the accuracy at each level of confidence, and the error
under small adversarial changes of the features. 10 % of the labels of this generated
table are random.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from sk_mixup import MixupClassifier
from sk_mixup.inspection import ReliabilityDisplay, adversarial_error

X, y = make_classification(
    2000, n_features=20, n_informative=8, n_classes=3, flip_y=0.1, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, stratify=y, test_size=0.5, random_state=0
)
STYLES = {
    "ERM": {"color": "#0072B2", "marker": "o"},
    "mixup": {"color": "#D55E00", "marker": "s"},
}
models = {
    name: MixupClassifier.paper(alpha, standardize=True, max_epochs=60, random_state=0)
    for name, alpha in [("ERM", 0), ("mixup", 1)]
}
for model in models.values():
    model.fit(X_train, y_train)

# %%
# Reliability
# -----------
#
# On the diagonal the accuracy equals the confidence. Below it the network is
# overconfident. The area of a point shows the number of rows.

figure, ax = plt.subplots(figsize=(5, 4.5), layout="constrained")
for name, model in models.items():
    color = STYLES[name]["color"]
    ReliabilityDisplay.from_estimator(
        model, X_test, y_test, n_bins=10, name=name, ax=ax, color=color
    )
plt.show()

# %%
# Adversarial examples
# --------------------
#
# White box: the gradient of the attacked network makes the adversarial examples. Black
# box: the gradient of a surrogate makes them, a network trained without mixup from
# another seed.

surrogate = MixupClassifier.paper(0, standardize=True, max_epochs=60, random_state=1)
surrogate.fit(X_train, y_train)
epsilons = np.linspace(0, 0.5, 6)

figure, axes = plt.subplots(
    1, 2, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained"
)
for ax, title, source in zip(
    axes, ["White box", "Black box"], [None, surrogate], strict=True
):
    attack = {"source": source, "method": "iterated_fgsm"}
    for name, model in models.items():
        errors = [
            adversarial_error(model, X_test, y_test, epsilon, **attack)
            for epsilon in epsilons
        ]
        ax.plot(epsilons, errors, label=name, **STYLES[name])
    ax.set(title=title, xlabel="largest change, in standardised features")
axes[0].set(ylabel="error", ylim=(0, 1))
axes[0].legend()
plt.show()
