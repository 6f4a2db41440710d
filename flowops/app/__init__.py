"""What Python users and the command line call: load, validate, render, plan, apply, diff. Nothing here prints."""
