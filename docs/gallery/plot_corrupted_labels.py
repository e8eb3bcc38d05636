"""
Learning in spite of wrong labels
=================================

Four tenths of the training labels are replaced by random ones (section 3.4 of
arXiv:1710.09412). A network that learns them by heart has a small error on the
corrupted labels and pays for it on test rows, whose labels are intact.
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
ax.set_title("Loss on the examples trained on")
plt.show()

# %%
# Mixup's loss is that on *mixed* examples, so the two curves cannot be compared in
# height. The errors can. ``real`` and ``corrupted`` are those of Table 2, on training
# rows with intact and with replaced labels; ``corrected`` judges the latter by the
# labels that they had.

pd.DataFrame(
    {
        name: {
            "test": 1 - model.score(X_test, y_test),
            **memorization_error(model, X_train, y_train, y_given, mask),
        }
        for name, model in models.items()
    }
).round(3)
