"""How fast the package is: ``python -m benchmarks speed``.

One command measures everything in one run and interleaved, so that what a busy machine
does to one side it does to the other too, and reports ratios.

It holds no names: a fresh process that is measured imports as little as it can.
"""
