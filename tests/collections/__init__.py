"""Test collections: the same pictures, with the faults of real ones, in every form in which people hold ImageNet-21k.

::

    collection = Collection(["n02123045", "n07920052"], per_class=8, faults=ALL_FAULTS)
    path = collection.write(tmp_path, "webdataset")
    collection.ids, collection.expected.at_index, collection.expected.at_selection

Ids, and bytes too except in form ``webp``, depend on the collection alone and not on its form. Sparse archives, of
any number of members in little space, stand in :mod:`tests.collections.sparse`.
"""

from __future__ import annotations

from tests.collections.archives import gzip_tar, make_tar, member, pad
from tests.collections.collection import Collection, Expected, collection_ids, make_collection
from tests.collections.faults import ALL_FAULTS, FAULTS, Fault, File
from tests.collections.forms import FORMS, PLAIN_FORMS, Form, PlainForm
from tests.collections.photographs import real_photograph, synthetic_photograph

__all__ = [
    "ALL_FAULTS",
    "FAULTS",
    "FORMS",
    "PLAIN_FORMS",
    "Collection",
    "Expected",
    "Fault",
    "File",
    "Form",
    "PlainForm",
    "collection_ids",
    "gzip_tar",
    "make_collection",
    "make_tar",
    "member",
    "pad",
    "real_photograph",
    "synthetic_photograph",
]
