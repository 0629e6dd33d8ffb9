"""What of a packed dataset goes where others can fetch it: a folder with or without pictures, and what changed."""

from pipeline.publishing.editions.changes import Changes, Held, count_changes, describe_release, hold
from pipeline.publishing.editions.stage import stage_release

__all__ = ["Changes", "Held", "count_changes", "describe_release", "hold", "stage_release"]
