"""The tars that shards are: written in one way only, and read believing nothing."""

from pipeline.tars.reading import (
    Member,
    Readable,
    Sample,
    find_samples,
    group_members,
    read_members,
    read_samples,
    stream_members,
)
from pipeline.tars.writing import BLOCK, END_OF_ARCHIVE, padding, tar_header, tar_member

__all__ = [
    "BLOCK",
    "END_OF_ARCHIVE",
    "Member",
    "Readable",
    "Sample",
    "find_samples",
    "group_members",
    "padding",
    "read_members",
    "read_samples",
    "stream_members",
    "tar_header",
    "tar_member",
]
