"""Simulated studies of every interval and test that is printed; bench_statistics.py runs them."""
