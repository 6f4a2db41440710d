"""The ground floor: each small rule that several stages share, once. It knows nothing of the stages."""
