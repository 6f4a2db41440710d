"""Results as they may be shown: everything in them is masked."""
