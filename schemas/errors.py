"""Everything that can go wrong and is somebody's to mend: one small hierarchy.

An error of this family carries a sentence that names the thing at fault and, where there is one, the
remedy. The command line prints it on one line and exits with ``exit_code``; any other exception is a
defect of ours and keeps its traceback.
"""

from __future__ import annotations


class ImageNetThinkError(Exception):
    """Root of the family.

    Args:
        problem: what is wrong, naming the file, key or image at fault.
        remedy: what to do about it.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}; {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[ImageNetThinkError], tuple[str, str]]:
        """Come back whole from a worker process."""
        return type(self), (self.problem, self.remedy)


class ConfigError(ImageNetThinkError):
    """The configuration cannot be read, or asks for something impossible."""

    exit_code = 2


class SourceError(ImageNetThinkError):
    """The images cannot be found or read, or changed after they were screened."""


class RunDirectoryError(ImageNetThinkError):
    """The run directory belongs to another configuration, or holds what it should not."""


class DatasetError(ImageNetThinkError):
    """A packed dataset is damaged or incomplete."""


class HubError(ImageNetThinkError):
    """The hub refuses, cannot be reached, or holds something else than it should."""


class ConservationError(ImageNetThinkError):
    """A stage's counts do not add up: something was lost or made twice. A defect of ours, never ignored."""


class StorageError(ImageNetThinkError):
    """The object store of a run directory refuses, cannot be reached, or holds what it should not."""


class EngineError(ImageNetThinkError):
    """A model could not be asked."""


class EngineUnavailableError(EngineError):
    """The engine cannot be reached just now. Not an attempt: the request is asked again after a pause."""


class EngineDiedError(EngineError):
    """The engine is gone. Not an attempt: it is started again, a bounded number of times."""


class RequestRefusedError(EngineError):
    """The engine refuses this one request for good. The image fails alone, with this reason."""
