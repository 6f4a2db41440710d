"""The frozen values that are handed from stage to stage."""
