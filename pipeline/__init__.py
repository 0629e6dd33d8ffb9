"""From photographs to shards, one room per step: sources, screening, selection, generation, packing, publishing."""
