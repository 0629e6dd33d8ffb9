"""How fast and how large: every figure as a ratio against a named baseline that ran beside it."""
