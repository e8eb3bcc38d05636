"""Who is compared: this package and others, all trained by one recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNetClassifier
from skorch.dataset import unpack_data
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.rivals import QuietMLP
from sk_mixup import MixupClassifier

OURS: Final = "sk_mixup"
SKORCH: Final = "plain skorch"
MLP: Final = "MLPClassifier"
LOOP: Final = "plain torch loop"


@dataclass(frozen=True)
class Recipe:
    """What is trained: the paper's perceptron, by Adam with a constant rate of 1e-3."""

    epochs: int = 10
    batch_size: int = 16
    alpha: float = 0.4
    hidden: tuple[int, ...] = (128, 128)
    lr: float = 1e-3


def ours(recipe: Recipe, **params: Any) -> MixupClassifier:
    """Make this package's classifier, with further parameters."""
    return MixupClassifier.paper(
        alpha=recipe.alpha,
        hidden_layer_sizes=recipe.hidden,
        lr=recipe.lr,
        max_epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        random_state=0,
        **params,
    )


def perceptron(hidden: Sequence[int], n_inputs: int = 20) -> nn.Sequential:
    """Make a perceptron of plain torch layers, from rows to (n, 2) logits."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip([n_inputs, *hidden[:-1]], hidden, strict=True):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], 2))


class SkorchMixup(NeuralNetClassifier):  # type: ignore[misc]
    """A skorch net with mixup as one writes it: in ``train_step_single``."""

    def __init__(self, *args: Any, mixup_alpha: float = 0.4, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mixup_alpha = mixup_alpha

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Tensor]:
        """Mix a minibatch with a permutation of itself and learn from it."""
        self._set_training(True)
        X, y = unpack_data(batch)
        weight = np.random.beta(self.mixup_alpha, self.mixup_alpha)  # noqa: NPY002 - usual
        partners = torch.randperm(len(X))
        outputs = self.infer(weight * X + (1 - weight) * X[partners], **fit_params)
        loss = weight * self.get_loss(outputs, y, X=X, training=True)
        loss += (1 - weight) * self.get_loss(outputs, y[partners], X=X, training=True)
        loss.backward()
        return {"loss": loss, "y_pred": outputs}


def _skorch_mixup(recipe: Recipe) -> SkorchMixup:
    return SkorchMixup(
        perceptron,
        module__hidden=recipe.hidden,
        mixup_alpha=recipe.alpha,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=recipe.lr,
        max_epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def _sklearn_mlp(recipe: Recipe) -> QuietMLP:
    """Make scikit-learn's perceptron, which neither mixes nor decays weights."""
    return QuietMLP(
        recipe.hidden,
        alpha=0,
        learning_rate_init=recipe.lr,
        max_iter=recipe.epochs,
        n_iter_no_change=recipe.epochs + 1,
        batch_size=recipe.batch_size,
        random_state=0,
    )


class TorchLoop:
    """A plain loop: fused Adam, and every epoch drawn and mixed before its steps."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def fit(self, X: NDArray[np.float32], y: NDArray[np.int64]) -> TorchLoop:
        """Train on float32 rows and classes 0 and 1."""
        self.module_ = perceptron(self.recipe.hidden, X.shape[1])
        adam = torch.optim.Adam(self.module_.parameters(), self.recipe.lr, fused=True)
        rows, targets = torch.from_numpy(X), torch.eye(2)[torch.from_numpy(y)]
        for _ in range(self.recipe.epochs):
            for x, target in self._epoch(rows, targets):
                adam.zero_grad()
                F.cross_entropy(self.module_(x), target).backward()
                adam.step()
        return self

    def _epoch(self, X: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        size = self.recipe.batch_size
        order = torch.randperm(len(X))
        batches = order.split(size)
        partners = torch.cat([rows[torch.randperm(len(rows))] for rows in batches])
        alpha = self.recipe.alpha
        drawn = np.random.beta(alpha, alpha, (len(batches), 1))  # noqa: NPY002 - usual
        weight = torch.from_numpy(drawn).float().repeat_interleave(size, 0)[: len(X)]
        mixed = (
            weight * part[order] + (1 - weight) * part[partners] for part in (X, y)
        )
        inputs, targets = (part.split(size) for part in mixed)
        yield from zip(inputs, targets, strict=True)

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities of the classes, of shape (n, 2)."""
        with torch.inference_mode():
            return self.module_(torch.from_numpy(X)).softmax(-1).numpy()


#: From a recipe to an unfitted classifier, which takes float32 rows of 20 features and
#: classes 0 and 1.
PEERS: Final[Mapping[str, Callable[[Recipe], Any]]] = {
    OURS: ours,
    SKORCH: _skorch_mixup,
    MLP: _sklearn_mlp,
    LOOP: TorchLoop,
}
#: The parameter that is the strength of mixing, of those that can be searched.
ALPHAS: Final[Mapping[str, str]] = {OURS: "alpha", SKORCH: "mixup_alpha"}
