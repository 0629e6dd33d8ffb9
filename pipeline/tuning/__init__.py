"""Which concurrency and batch limit suit this machine and these pictures, and what the whole run will take."""

from pipeline.tuning.measure import tune_teacher
from pipeline.tuning.plan import Ranges, TuningPlan, plan_tuning
from pipeline.tuning.projection import choose_point, project
from pipeline.tuning.report import Failure, Interval, Point, Projection, Start, TuningReport

__all__ = [
    "Failure",
    "Interval",
    "Point",
    "Projection",
    "Ranges",
    "Start",
    "TuningPlan",
    "TuningReport",
    "choose_point",
    "plan_tuning",
    "project",
    "tune_teacher",
]
