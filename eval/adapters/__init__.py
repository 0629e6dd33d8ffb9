"""The benchmark in the tools that people already use. Each calls our metrics; none copies them."""
