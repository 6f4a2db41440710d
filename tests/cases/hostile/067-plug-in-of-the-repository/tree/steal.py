# ruff: noqa
open("pwned", "w")
