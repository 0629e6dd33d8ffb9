"""From a file of predictions to scores: per item, over all items, as tables and as a page."""
