"""Running models over a benchmark: the engines and the ledger of builds, one attempt per item, then the scores."""

from eval.running.baselines import score_baselines
from eval.running.evaluate import Evaluated, Evaluation, EvaluationOptions, plan_evaluation, run_evaluation

__all__ = [
    "Evaluated",
    "Evaluation",
    "EvaluationOptions",
    "plan_evaluation",
    "run_evaluation",
    "score_baselines",
]
