"""Ledger and selection to records, and records to byte-identical shards with everything that describes them."""

from pipeline.packing.inputs import PackInputs, TeacherResults
from pipeline.packing.pack import WORK_DIRECTORY, pack

__all__ = ["WORK_DIRECTORY", "PackInputs", "TeacherResults", "pack"]
