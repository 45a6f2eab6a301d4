"""Estimates, tests and bounds: arrays in, figures out. This room knows no other but errors."""
