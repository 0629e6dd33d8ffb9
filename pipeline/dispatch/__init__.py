"""Pending work → chunks → runs on a pool of workers → the ledger, until nothing is pending."""

from pipeline.dispatch.backlog import Backlog
from pipeline.dispatch.build import generate_chunk, open_dispatcher
from pipeline.dispatch.chunks import beginning_file, chunk_file, claim_run_id, read_chunk
from pipeline.dispatch.dispatcher import SHARED_DISK, Dispatcher, Store
from pipeline.dispatch.loop import dispatch
from pipeline.dispatch.pool import Pool, PoolRun, PoolUnavailableError, RunState

__all__ = [
    "SHARED_DISK",
    "Backlog",
    "Dispatcher",
    "Pool",
    "PoolRun",
    "PoolUnavailableError",
    "RunState",
    "Store",
    "beginning_file",
    "chunk_file",
    "claim_run_id",
    "dispatch",
    "generate_chunk",
    "open_dispatcher",
    "read_chunk",
]
