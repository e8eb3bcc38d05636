"""Arithmetic of whole numbers."""

from __future__ import annotations


def ceil_div(a: int, b: int) -> int:
    """Return a / b, rounded up.

    Examples
    --------
    >>> ceil_div(7, 2)
    4
    """
    return -(-a // b)
