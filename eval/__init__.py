"""What is held out does not leak; and what a model makes of it: the benchmark, metrics, scores, comparisons."""

from eval.holdout import Leak, check_holdout, find_leaks

__all__ = ["Leak", "check_holdout", "find_leaks"]
