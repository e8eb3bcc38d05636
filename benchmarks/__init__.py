"""Experiments that compare mixup with its rivals: ``python -m benchmarks``."""
