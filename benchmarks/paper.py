"""The paper's own figures (arXiv 1710.09412v2), as it prints them, in percent.

Rows that are named by two words have two levels. They are quoted for comparison:
only Table 4 is about tables of data; Tables 2 and 5 are CIFAR-10 with a
PreAct ResNet-18, Table 3 is ImageNet with a ResNet-101, Figure 3a is CIFAR and
Figure 4 the spoken words of Google commands.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

import pandas as pd


def _table(
    columns: tuple[str, ...], rows: Mapping[Hashable, tuple[float, ...]]
) -> pd.DataFrame:
    return pd.DataFrame(list(rows.values()), pd.Index(list(rows)), columns)


#: Figure 3a: test error on CIFAR; mixup's alpha is 1.
FIGURE_3A: Final = _table(
    ("ERM", "mixup 1"),
    {
        ("CIFAR-10", "PreAct ResNet-18"): (5.6, 4.2),
        ("CIFAR-10", "WideResNet-28-10"): (3.8, 2.7),
        ("CIFAR-10", "DenseNet-BC-190"): (3.7, 2.7),
        ("CIFAR-100", "PreAct ResNet-18"): (25.6, 21.1),
        ("CIFAR-100", "WideResNet-28-10"): (19.4, 17.5),
        ("CIFAR-100", "DenseNet-BC-190"): (19.0, 16.8),
    },
)

#: Figure 4: error on the validation and the test rows of Google commands.
FIGURE_4: Final = _table(
    ("validation", "test"),
    {
        ("LeNet", "ERM"): (9.8, 10.3),
        ("LeNet", "mixup 0.1"): (10.1, 10.8),
        ("LeNet", "mixup 0.2"): (10.2, 11.3),
        ("VGG-11", "ERM"): (5.0, 4.6),
        ("VGG-11", "mixup 0.1"): (4.0, 3.8),
        ("VGG-11", "mixup 0.2"): (3.9, 3.4),
    },
)

#: Table 2: test error on CIFAR-10 with a share of the training labels replaced,
#: best and last over the epochs, and the last epoch's training errors.
TABLE_2: Final = _table(
    ("best_error", "last_error", "train_real", "train_corrupted"),
    {
        (0.2, "ERM"): (12.7, 16.6, 0.05, 0.28),
        (0.2, "dropout 0.7"): (8.8, 10.4, 5.26, 83.55),
        (0.2, "mixup 8"): (5.9, 6.4, 2.27, 86.32),
        (0.2, "mixup 4 + dropout 0.1"): (6.2, 6.2, 1.92, 85.02),
        (0.5, "ERM"): (18.8, 44.6, 0.26, 0.64),
        (0.5, "dropout 0.8"): (14.1, 15.5, 12.71, 86.98),
        (0.5, "mixup 32"): (11.3, 12.7, 5.84, 85.71),
        (0.5, "mixup 8 + dropout 0.3"): (10.9, 10.9, 7.56, 87.90),
        (0.8, "ERM"): (36.5, 73.9, 0.62, 0.83),
        (0.8, "dropout 0.8"): (30.9, 35.1, 29.84, 86.37),
        (0.8, "mixup 32"): (25.3, 30.9, 18.92, 85.44),
        (0.8, "mixup 8 + dropout 0.3"): (24.0, 24.8, 19.70, 87.67),
    },
)

#: Table 3: error on ImageNet under attacks with a largest change of 4 per pixel.
TABLE_3: Final = _table(
    ("white FGSM", "white I-FGSM", "black FGSM", "black I-FGSM"),
    {
        ("top-1", "ERM"): (90.7, 99.9, 57.0, 57.3),
        ("top-1", "mixup"): (75.2, 99.6, 46.0, 40.9),
        ("top-5", "ERM"): (63.1, 93.4, 24.8, 18.1),
        ("top-5", "mixup"): (49.1, 95.8, 17.4, 11.8),
    },
)

#: Table 4: classification error on six UCI sets.
TABLE_4: Final = _table(
    ("ERM", "mixup"),
    {
        "Abalone": (74.0, 73.6),
        "Arcene": (57.6, 48.0),
        "Arrhythmia": (56.6, 46.3),
        "Htru2": (2.0, 2.0),
        "Iris": (21.3, 17.3),
        "Phishing": (16.3, 15.2),
    },
)

_LATENT = "mix labels and latent representations (AC + RP)"
_INPUTS = "mix inputs only"
_SMOOTH = "label smoothing"
_BOTH = "mix inputs + label smoothing (AC + RP)"
_NOISE = "Gaussian noise on inputs"

#: Table 5: median test error of the last ten epochs on CIFAR-10 by weight decay.
#: AC all classes, SC same class, RP random pairs, KNN nearest neighbours.
TABLE_5: Final = _table(
    ("1e-4", "5e-4"),
    {
        ("ERM", ""): (5.53, 5.18),
        ("mixup", "AC + RP"): (4.24, 4.68),
        ("mixup", "AC + KNN"): (4.98, 5.26),
        (_LATENT, "layer 1"): (4.44, 4.51),
        (_LATENT, "layer 2"): (4.56, 4.61),
        (_LATENT, "layer 3"): (5.39, 5.55),
        (_LATENT, "layer 4"): (5.95, 5.43),
        (_LATENT, "layer 5"): (5.39, 5.15),
        (_INPUTS, "SC + KNN"): (5.45, 5.52),
        (_INPUTS, "AC + KNN"): (5.43, 5.48),
        (_INPUTS, "SC + RP"): (5.23, 5.55),
        (_INPUTS, "AC + RP"): (5.17, 5.72),
        (_SMOOTH, "eps 0.05"): (5.25, 5.02),
        (_SMOOTH, "eps 0.1"): (5.33, 5.17),
        (_SMOOTH, "eps 0.2"): (5.34, 5.06),
        (_BOTH, "eps 0.05"): (5.02, 5.40),
        (_BOTH, "eps 0.1"): (5.08, 5.09),
        (_BOTH, "eps 0.2"): (4.98, 5.06),
        (_BOTH, "eps 0.4"): (5.25, 5.39),
        (_NOISE, "sigma 0.05"): (5.53, 5.04),
        (_NOISE, "sigma 0.1"): (6.41, 5.86),
        (_NOISE, "sigma 0.2"): (7.16, 7.24),
    },
)

# NOTE[DIFF]: the paper (arXiv 1710.09412, Table 4) does not say which 'Phishing' it
# means. An ERM error of 16 % fits the three-class Website Phishing (OpenML 46963) and
# not the Phishing Websites set (3 to 5 %).
_SET_NAMES = {
    "htru2": "Htru2",
    "pulsar-dataset-htru2": "Htru2",
    "phishing": "Phishing",
    "website-phishing": "Phishing",
}


def set_name(dataset: str) -> str:
    """Return what Table 4 calls a data set; other sets have names that are not in it.

    Examples
    --------
    >>> set_name("website_phishing")
    'Phishing'
    """
    key = dataset.lower().replace("_", "-")
    return _SET_NAMES.get(key, key.capitalize())
