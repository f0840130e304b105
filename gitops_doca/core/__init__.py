"""Pools, decisions and rendering: values in, values out, no I/O."""
