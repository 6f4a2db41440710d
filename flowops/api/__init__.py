"""The Voice API: its client, what its answers mean, Call Detail Records."""
