"""Index to chosen images: class quotas by turns, refill until the target is met, splits."""

from pipeline.selection.select import REJECTIONS_FILE, SELECTION_FILE, load_selection, select_images

__all__ = ["REJECTIONS_FILE", "SELECTION_FILE", "load_selection", "select_images"]
