"""Profiles of pairs, and the bounds of the machine that they are compared with."""
