"""
Loss against seconds
====================

What the numbers of a large table buy: of each recipe the log loss on other rows, while
it trains. With more than 14,000 rows ``batch_size``, ``max_epochs`` and
``n_iter_no_change`` go by the number of rows, here 30,000; beside them the numbers of a
small table, and scikit-learn's gradient boosting. One thread.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from sk_mixup import MixupClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(36_000, 20)).astype(np.float32)
smooth = np.tanh(X @ rng.normal(size=(20, 12))) @ rng.normal(size=12)
steps = 1.5 * np.sign(X[:, 0] * X[:, 1]) + np.where(X[:, 2] > 0.5, 2 * X[:, 3], 0)
score = smooth + steps + rng.logistic(size=len(X)) / 3
y = np.digitize(score, np.quantile(score, [0.2, 0.5, 0.8]))
X_train, X_test, y_train, y_test = X[:30_000], X[30_000:], y[:30_000], y[30_000:]

small = {"batch_size": 64, "max_epochs": 100, "n_iter_no_change": 20}
curves, ends = {}, {}
threads = torch.get_num_threads()
torch.set_num_threads(1)
for name, params in [("the default", {}), ("numbers of a small table", small)]:
    model = MixupClassifier(n_estimators=2, random_state=0, **params)
    start = time.perf_counter()
    model.fit(X_train, y_train)
    ends[name] = time.perf_counter() - start, model.n_iter_
    seconds = np.cumsum([epoch["dur"] for epoch in model.history_])
    curves[name] = seconds, [epoch["valid_loss"] for epoch in model.history_]
    print(f"{name}: log loss {log_loss(y_test, model.predict_proba(X_test)):.3f}")

with threadpool_limits(1):
    boosting = HistGradientBoostingClassifier(max_iter=300, random_state=0)
    start = time.perf_counter()
    boosting.fit(X_train, y_train)
    took = time.perf_counter() - start
losses = [log_loss(y_test, proba) for proba in boosting.staged_predict_proba(X_test)]
curves["gradient boosting"] = np.linspace(0, took, len(losses) + 1)[1:], losses
print(f"gradient boosting: log loss {losses[-1]:.3f}")
torch.set_num_threads(threads)

figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
styles = {"color": ["#D55E00", "#0072B2", "#666666"], "linestyle": ["-", "--", ":"]}
for number, (name, (seconds, losses)) in enumerate(curves.items()):
    style = {key: values[number] for key, values in styles.items()}
    ax.plot(seconds, losses, label=name, **style)
ax.set(xlabel="seconds of training", ylabel="log loss", xscale="log")
ax.set_title("30,000 rows of 20 features, four classes, two networks")
ax.legend(frameon=False)
plt.show()

# %%
# The curves of the networks are means over the validation rows of each; the printed
# losses are those of the averaged and calibrated networks on other rows. The table is
# made of smooth parts and of steps. On tables of steps alone gradient boosting is the
# better choice.
