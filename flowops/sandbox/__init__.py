"""The embedded API: it answers like the Voice API, and no phone rings."""
