"""Builds on Prefect work pools: chunks as flow runs, their workers, what a person sees of them."""
