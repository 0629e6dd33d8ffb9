"""Index to chosen images: whose turn it is, which of its images, refill until the target is met, splits."""

from pipeline.selection.select import CLASSES_FILE, REJECTIONS_FILE, SELECTION_FILE, load_selection, select_images

__all__ = ["CLASSES_FILE", "REJECTIONS_FILE", "SELECTION_FILE", "load_selection", "select_images"]
