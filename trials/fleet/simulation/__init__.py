"""What becomes of sessions while a fleet changes: simulated, with dice that have a seed, and without a clock.

It finds the same each time. Nothing is sent; `ring` is held against the real load balancer in
`tests/collector/test_ring.py`.
"""
