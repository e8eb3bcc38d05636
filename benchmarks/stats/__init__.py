"""Statistics of a comparison over resamples and over data sets.

Data frames in, data frames out. The *long frame* has one row per data set,
method, repeat and fold: the columns ``dataset``, ``method``, ``repeat``,
``fold``, ``n_train``, ``n_test`` and one column per metric (``error``,
``log_loss``, ...; missing where undefined).

Two facts shape this package. Folds of one set share training rows, so their
scores are not independent: standard errors and tests on one set (`folds`) carry
the correction of Nadeau and Bengio [1]_. Data sets are independent of each
other, so over sets (`sets`) the rank tests that Demsar [2]_ recommends apply as
they are.

References
----------
.. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error",
   Machine Learning 52, 2003.
.. [2] J. Demsar, "Statistical comparisons of classifiers over multiple data
   sets", Journal of Machine Learning Research 7, 2006.
"""

from benchmarks.stats.choice import leave_one_set_out, merits
from benchmarks.stats.folds import (
    LEVEL,
    TTest,
    compare_to_baseline,
    corrected_ttest,
    summary,
    win_tie_loss,
)
from benchmarks.stats.sets import (
    Ranking,
    critical_difference,
    friedman_nemenyi,
    mean_over_sets,
    mean_ratios,
    set_means,
    wilcoxon_over_sets,
)

__all__ = [
    "LEVEL",
    "Ranking",
    "TTest",
    "compare_to_baseline",
    "corrected_ttest",
    "critical_difference",
    "friedman_nemenyi",
    "leave_one_set_out",
    "mean_over_sets",
    "mean_ratios",
    "merits",
    "set_means",
    "summary",
    "wilcoxon_over_sets",
    "win_tie_loss",
]
