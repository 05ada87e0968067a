"""Measurements: `python -m bench`. Each `bench_*.py` here yields what it measured; numbers, not tests."""
