"""The random streams of a run."""

from __future__ import annotations

from typing import Any

import numpy as np


class Streams:
    """The independent random streams of one run.

    Parameters
    ----------
    entropy : int
        Drawn from the estimator's ``random_state``.
    member : int
        The run's number in its ensemble.
    """

    # Seeds go by place: a new stream comes last, or all results would change.
    NAMES = ("initial", "order", "partners", "weights", "noise", "dropout", "swaps")

    initial: np.random.Generator
    order: np.random.Generator
    partners: np.random.Generator
    weights: np.random.Generator
    noise: np.random.Generator
    dropout: np.random.Generator
    swaps: np.random.Generator

    layers: np.random.Generator
    """Of the layers that are mixed: the same for all members, which share them."""

    def __init__(self, entropy: int, member: int) -> None:
        self.entropy, self.member = entropy, member
        # By the member's number: it draws the same in an ensemble of any size.
        seeds = np.random.SeedSequence([entropy, member]).spawn(len(self.NAMES))
        for name, seed in zip(self.NAMES, seeds, strict=True):
            setattr(self, name, np.random.default_rng(seed))
        self.layers = np.random.default_rng(entropy)

    @property
    def state(self) -> dict[str, Any]:
        """How far each stream has been drawn; they can be taken back to there."""
        return {name: self._generator(name).state for name in (*self.NAMES, "layers")}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        for name, own in state.items():
            self._generator(name).state = own

    def _generator(self, name: str) -> np.random.BitGenerator:
        generator: np.random.Generator = getattr(self, name)
        return generator.bit_generator
