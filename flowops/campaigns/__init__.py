"""Campaigns: plans that were handed over to workers, sealed; the engine that says which batch is whose turn."""
