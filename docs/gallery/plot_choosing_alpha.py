"""
Choosing alpha
==============

Log loss by ``alpha`` on scikit-learn's digits, with the training labels as they are and
with a third of them replaced by random ones. "Mixing alone" has no early stopping, no
dropout, no epochs without mixing and no calibration, so that nothing but mixing
regularises. :func:`~sk_mixup.fit_many` trains the networks of a curve as one program.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sk_mixup import MixupClassifier, fit_many
from sk_mixup.inspection import corrupt_labels

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=300, random_state=0
)
y_noisy, _ = corrupt_labels(y_train, 0.33, random_state=0)
alphas = [0, 0.2, 1, 8]


def losses(y_given, **params):
    """Return the log loss of the test rows for each alpha."""
    models = [
        MixupClassifier(alpha, n_estimators=1, max_epochs=40, random_state=0, **params)
        for alpha in alphas
    ]
    fitted = fit_many(models, [X_train] * len(alphas), [y_given] * len(alphas))
    return [log_loss(y_test, model.predict_proba(X_test)) for model in fitted]


figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
plain = {"early_stopping": False, "temperature": 1, "clean_epochs": 0, "dropout": 0}
for ax, given, title in zip(axes, [y_train, y_noisy], ["clean", "noisy"], strict=True):
    for name, params, style in [
        ("mixing alone", plain, {"color": "#D55E00", "marker": "s"}),
        ("defaults", {}, {"color": "#0072B2", "marker": "o"}),
    ]:
        ax.plot(range(len(alphas)), losses(given, **params), label=name, **style)
    ax.set_xticks(range(len(alphas)), alphas)
    ax.set_xlabel("alpha")
    ax.set_title(f"{title} labels")
axes[0].set_ylabel("log loss of test rows")
axes[0].legend()
plt.show()

# %%
# Alone and to the end, strong mixing makes the probabilities too soft. The defaults end
# with epochs without mixing, and have a temperature. On this one table they gain by
# stronger mixing than ``alpha=0.2`` where labels are wrong, and not where they are
# right: compare values on yours, by cross-validation.
