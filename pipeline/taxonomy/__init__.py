"""What every ImageNet-21k class means and where it stands: WordNet 3.0's nouns, as far as ImageNet reaches."""

from __future__ import annotations

from pipeline.taxonomy.table import RELEASES, Synset, Taxonomy, load_taxonomy, read_wordnet_licence

__all__ = ["RELEASES", "Synset", "Taxonomy", "load_taxonomy", "read_wordnet_licence"]
