"""Selection to ledger: a rolling window of requests, a retry ladder, and every attempt written down."""

from pipeline.generation.chunk import AskedChunk
from pipeline.generation.generate import GenerationJob, generate_pairs
from pipeline.generation.images import AskedImage, SelectedImages
from pipeline.generation.setup import TeacherSetup, read_results, set_up_teachers

__all__ = [
    "AskedChunk",
    "AskedImage",
    "GenerationJob",
    "SelectedImages",
    "TeacherSetup",
    "generate_pairs",
    "read_results",
    "set_up_teachers",
]
