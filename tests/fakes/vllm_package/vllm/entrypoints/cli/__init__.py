"""A package of the name, for where vLLM itself is not needed."""
