"""
Training with corrupted labels
==============================

40 % of the training labels are replaced by random labels (section 3.4 of
arXiv:1710.09412). An overfitted network has a low error on the corrupted labels and a
high error on the test rows, whose labels are intact.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sk_mixup import MixupClassifier
from sk_mixup.inspection import HistoryDisplay, corrupt_labels, memorization_error

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
y_given, mask = corrupt_labels(y_train, 0.4, random_state=0)

models = {
    name: MixupClassifier.paper(alpha, standardize=True, max_epochs=60, random_state=0)
    for name, alpha in [("ERM", 0), ("mixup", 8)]
}
figure, ax = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
for (name, model), color in zip(models.items(), ["#0072B2", "#D55E00"], strict=True):
    model.fit(X_train, y_given)
    HistoryDisplay.from_estimator(model, name=name, ax=ax, color=color)
ax.set_title("Loss on the training examples")
plt.show()

# %%
# The training loss of mixup is on *mixed* examples, so the heights of the two curves
# are not comparable. The errors are. ``real`` and ``corrupted`` are the errors of Table
# 2, on training rows with intact and with replaced labels; ``corrected`` is the error
# on the replaced rows with their original labels.

pd.DataFrame(
    {
        name: {
            "test": 1 - model.score(X_test, y_test),
            **memorization_error(model, X_train, y_train, y_given, mask),
        }
        for name, model in models.items()
    }
).round(3)
