"""Pending work → chunks → runs on a pool of workers → the ledger, until nothing is pending."""
