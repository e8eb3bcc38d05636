"""
Rare classes
============

Is a digit an eight? All other eights are left out, so that one row in fifty is one.
What the remedies of the user guide's page on rare classes do to the probabilities, and
to the decisions at a threshold of one half.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, f1_score, log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from sk_mixup import MixupClassifier

X, y = load_digits(return_X_y=True)
eights = np.random.default_rng(0).choice(np.flatnonzero(y == 8), 33, replace=False)
kept = np.union1d(np.flatnonzero(y != 8), eights)
X, y = X[kept], (y[kept] == 8).astype(int)
print(f"{y.sum()} of {len(y)} rows are eights")

remix = {"alpha": 1, "weights_per": "example", "mix_target": "remix"}
settings = {
    "defaults": {},
    "alpha=0": {"alpha": 0},
    "class_weight='balanced'": {"class_weight": "balanced"},
    "pairing='balanced'": {"pairing": "balanced"},
    "balanced and remix": remix | {"pairing": "balanced"},
}
folds = StratifiedKFold(3, shuffle=True, random_state=0)
rows = {}
for name, params in settings.items():
    model = MixupClassifier(**params, n_estimators=2, random_state=0)
    proba = cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]
    rows[name] = {
        "log loss": log_loss(y, proba),
        "average precision": average_precision_score(y, proba),
        "F1": f1_score(y, proba > 0.5),
        "mean probability": proba.mean(),
    }
table = pd.DataFrame.from_dict(rows, orient="index")

figure, ax = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
ax.barh(table.index[::-1], table["log loss"][::-1], color="#0072B2")
ax.set_xlabel("log loss")
ax.set_title("Eights, one row in fifty: lower is better")
plt.show()

# %%
# Class weights make the rare class far too probable: their mean probability is a
# multiple of the share of eights, 0.02, and the other settings' is not. This is one
# table: choose by cross-validation.

table.round(3)
