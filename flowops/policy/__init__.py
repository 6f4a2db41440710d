"""Rules that say place, defer or block, and why. Pure: the clock, the ledger's counts and the lists are handed in."""
