"""What is held out, and that nothing of it leaks."""

from eval.holdout import Leak, check_holdout, find_leaks

__all__ = ["Leak", "check_holdout", "find_leaks"]
