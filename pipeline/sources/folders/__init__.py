"""Folders: compact listings, and the loose files in them."""
