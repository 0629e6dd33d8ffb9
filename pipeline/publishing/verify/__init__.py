"""Re-reads a packed dataset as its readers will, and names every file and row that is not what it should be."""

from pipeline.publishing.verify.report import Fault, VerifyReport
from pipeline.publishing.verify.verify import verify_dataset

__all__ = ["Fault", "VerifyReport", "verify_dataset"]
