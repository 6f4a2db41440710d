"""What is known of every call that was ever placed: the state machine, the chain of events, and the database."""
