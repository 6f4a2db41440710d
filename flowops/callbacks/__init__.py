"""Callbacks: the address that each call gets, and the receiver behind it."""
