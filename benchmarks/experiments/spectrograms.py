"""Figure 4 of arXiv 1710.09412: convolutional networks on spectrograms."""

from __future__ import annotations

from typing import Final

import pandas as pd

from benchmarks.convnets import VGG11, LeNet
from benchmarks.experiment import Options
from benchmarks.experiments._arrays import ArrayStudy
from benchmarks.paper import FIGURE_4
from benchmarks.tables import Table

#: arXiv 1710.09412, section 3.3: 30 epochs, the rate divided by 10 every 10; with mixup
#: the first five on the rows themselves.
STUDY: Final = ArrayStudy(
    networks={"LeNet": LeNet, "VGG-11": VGG11},
    recipe={
        "optimizer": "adam",
        "lr": 3e-3,
        "lr_schedule": "step",
        "lr_milestones": (1 / 3, 2 / 3),
        "lr_gamma": 0.1,
        "batch_size": 100,
    },
    mixing={"warmup_epochs": 1 / 6},
    # NOTE[DIFF]: for eight kinds of chirps an eighth of VGG's channels are enough.
    widths={("chirps", "VGG-11"): 8},
)


def beside(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the errors, the paper's on Google commands beside."""
    paper = FIGURE_4["test"].unstack(sort=False)
    return STUDY.beside(frame, paper.add_prefix("Google commands, "))


EXPERIMENT = STUDY.experiment(
    name="spectrograms",
    summary="Figure 4: convolutional networks on spectrograms, ERM and mixup",
    group="spectrograms",
    defaults=Options(alphas=(0.0, 0.1, 0.2), repeats=3, epochs=30),
    text="Adam, rate 0.003 divided by 10 after each third of the epochs, minibatches "
    "of 100; mixup begins after a sixth of the epochs. A sixth of the rows is held "
    "out, another one in each repeat, unless a file names rows to test by. On the "
    "chirps, eight kinds of generated sounds in noise, VGG-11 has 8 channels in its "
    "first layer instead of 64. The paper's figures are of spoken words.",
    tables=(beside, STUDY.show),
    arrays=True,
)
