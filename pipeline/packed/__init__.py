"""A packed dataset as other rooms read it: its manifest, and its rows one at a time."""

from pipeline.packed.dataset import PackedDataset, Row, open_dataset

__all__ = ["PackedDataset", "Row", "open_dataset"]
