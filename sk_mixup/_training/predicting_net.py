"""A skorch net that predicts with all of its networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import gen_batches
from torch import Tensor

from sk_mixup._training.recording_net import RecordingNet


class PredictingNet(RecordingNet):
    """What a :class:`MixupNet` predicts."""

    def forward_iter(
        self, X: Any, training: bool = False, device: str = "cpu"
    ) -> Iterator[Tensor]:
        """Yield the outputs of all networks, ``(rows, networks, outputs)``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, *features)
            Rows as those that the estimator was fitted on.
        training : bool, default=False
            Whether modules are in training mode and gradients can be taken.
        device : str, default="cpu"
            Where the outputs are put.

        Yields
        ------
        outputs : torch.Tensor of shape (n_rows, n_networks, n_outputs)
            Of ``batch_size`` rows: logits of a classifier, standardised targets of a
            regressor.
        """
        rows = X if sparse.issparse(X) or torch.is_tensor(X) else np.asarray(X)
        for chunk in gen_batches(rows.shape[0], self.batch_size):
            outputs = self.evaluation_step(rows[chunk], training=training)
            yield outputs.transpose(0, 1).to(device)

    def evaluation_step(self, batch: Any, training: bool = False) -> Tensor:
        """Return the outputs of all networks, ``(networks, rows, outputs)``."""
        dense = batch.toarray() if sparse.issparse(batch) else batch
        # A copy, since torch warns of read-only arrays such as joblib's memory maps.
        rows = dense if torch.is_tensor(dense) else torch.from_numpy(np.array(dense))
        self._set_training(training)
        with torch.set_grad_enabled(training):
            outputs: Tensor = self.module_(rows.to(self.module_.inputs.shift)[None])
            return outputs

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Return the average of the networks' predictions, ``(n_rows, n_outputs)``.

        Those are probabilities of a classifier and standardised targets of a regressor,
        whose estimator brings them back to the scale of its targets.
        """
        link, weights = self.criterion_.link(), self.module_.weights_of_members
        means = [
            torch.einsum("nmo,m->no", link(outputs), weights.to(outputs))
            for outputs in self.forward_iter(X)
        ]
        return torch.cat(means).numpy()
