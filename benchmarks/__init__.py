"""Measures a server as its users would run it; docs/performance.md says how to read the results."""
