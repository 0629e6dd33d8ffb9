"""From photographs to packed shards, one room per step: sources, screening, selection, generation, packing, publishing."""
