"""Putting pictures back: the reader's own copy of the collection completes annotations that were published alone."""

from __future__ import annotations

from pipeline.publishing.rejoin.rejoin import RejoinOptions, forecast, rejoin
from pipeline.publishing.rejoin.report import OUTCOMES, NotExact, RejoinForecast, RejoinReport

__all__ = ["OUTCOMES", "NotExact", "RejoinForecast", "RejoinOptions", "RejoinReport", "forecast", "rejoin"]
