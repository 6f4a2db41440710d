"""Rendered calls and the ledger's answers to a plan: fingerprints, differences, decisions, saved plans."""
