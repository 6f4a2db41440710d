"""Applying a plan: claims, pace, sends, records."""
