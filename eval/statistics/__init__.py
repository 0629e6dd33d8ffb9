"""How sure a score is: exact means, bootstrap intervals by class, and paired comparisons of models.

Everything here is exact arithmetic on whole millionths and a pinned stream of random bits: a result has the same
bytes on any machine, under any release of NumPy and with any number of threads.
"""

from eval.statistics.exact import mean, to_millionths, to_unit
from eval.statistics.paired import FLIPS, SIGNIFICANCE, Difference, compare_pairs, holm
from eval.statistics.resampling import CONFIDENCE, REPLICATES, Resampler

__all__ = [
    "CONFIDENCE",
    "FLIPS",
    "REPLICATES",
    "SIGNIFICANCE",
    "Difference",
    "Resampler",
    "compare_pairs",
    "holm",
    "mean",
    "to_millionths",
    "to_unit",
]
