"""What a dataset of this pipeline is made from, for those who cite it."""

from __future__ import annotations

import functools
from importlib import resources


@functools.cache
def read_citation() -> str:
    """BibTeX of the dataset that this one follows, of ImageNet and of WordNet."""
    return resources.files(__package__).joinpath("citation.bib").read_text("utf-8")
