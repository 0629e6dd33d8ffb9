"""Orchestration and the command line. Nothing below this package knows Prefect."""
