"""Runs a model over the benchmark, through the engines and the ledger that the teachers run through."""
