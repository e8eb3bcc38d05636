"""Figure 3a of arXiv 1710.09412: convolutional networks on images."""

from __future__ import annotations

from typing import Final

import pandas as pd

from benchmarks.convnets import PreActResNet18, SmallConvNet
from benchmarks.experiment import Options
from benchmarks.experiments._arrays import ArrayStudy
from benchmarks.paper import FIGURE_3A
from benchmarks.tables import Table, paper_table

PAPER_TITLE = "The paper's Figure 3a (test error in %)"

#: arXiv 1710.09412, section 3.2: 200 epochs, the rate divided by 10 after 100 and 150.
STUDY: Final = ArrayStudy(
    networks={"small": SmallConvNet, "PreAct ResNet-18": PreActResNet18},
    recipe={
        "optimizer": "sgd",
        "optimizer_params": {"momentum": 0.9},
        "lr": 0.1,
        "lr_schedule": "step",
        "lr_milestones": (0.5, 0.75),
        "lr_gamma": 0.1,
        "weight_decay": 1e-4,
        "batch_size": 128,
    },
    # NOTE[DIFF]: of 8 x 8 pixels a sixteenth of the paper's network makes enough.
    widths={("sklearn_digits", "PreAct ResNet-18"): 16},
)


def beside(frame: pd.DataFrame) -> list[Table]:
    """Tabulate the errors, the paper's on CIFAR-10 beside."""
    paper = FIGURE_3A.loc[["CIFAR-10"]].droplevel(0)
    return STUDY.beside(frame, paper.add_prefix("CIFAR-10, "))


EXPERIMENT = STUDY.experiment(
    name="images",
    summary="Figure 3a: convolutional networks on images, ERM and mixup",
    group="images",
    defaults=Options(
        datasets=("sklearn_digits",), alphas=(0.0, 1.0), repeats=3, epochs=30
    ),
    text="SGD with momentum 0.9, rate 0.1 divided by 10 after a half and three "
    "quarters of the epochs, weight decay 1e-4, minibatches of 128. A sixth of the "
    "images is held out, another one in each repeat; images are not moved or mirrored. "
    "On the digits the ResNet has 16 channels in its first layer instead of 64.",
    tables=(
        beside,
        STUDY.show,
        lambda frame: paper_table(FIGURE_3A, PAPER_TITLE, ["data set", "network"]),
    ),
)
