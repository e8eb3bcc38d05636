"""
Predictions between the training rows
=====================================

Two measurements at points between random pairs of training rows, as in Figure 2 of
arXiv:1710.09412: the fraction of predictions with the class of neither row, and the
norm of the gradient of the class log-probabilities. Both networks are measured on the
same pairs and have the paper's recipe, on standardised features.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sk_mixup import MixupClassifier
from sk_mixup.inspection import BetweenExamplesDisplay

X, y = load_digits(return_X_y=True)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, alpha, style in [
    ("ERM", 0, {"color": "#0072B2", "marker": "o"}),
    ("mixup", 1, {"color": "#D55E00", "marker": "s"}),
]:
    model = MixupClassifier.paper(alpha, standardize=True, max_epochs=20)
    model.set_params(random_state=0).fit(X, y)
    display = BetweenExamplesDisplay.from_estimator(
        model, X, y, name=name, random_state=0, ax=axes[0], **style
    )
    display.plot(axes[1], kind="gradient_norm", **style)
axes[0].set_title("Neither class is predicted")
axes[1].set_title("Norm of the gradient in the input")
plt.show()

# %%
# :func:`~sk_mixup.inspection.between_examples` computes the values of the curves. The
# display stores them (here of the last network, trained by mixup):

print(display.miss_rate.round(3))
