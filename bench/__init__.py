"""Measurements: `python -m bench`. Each `bench_*.py` here yields what it compared; numbers, not tests."""
