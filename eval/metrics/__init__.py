"""What two texts have in common, and what a text says of its class; every metric pinned by definition and version."""
