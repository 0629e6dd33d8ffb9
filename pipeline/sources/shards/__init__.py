"""WebDataset and Parquet shards: samples and rows, what their sidecars and lists say."""
