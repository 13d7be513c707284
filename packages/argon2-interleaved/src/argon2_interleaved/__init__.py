"""Argon2id (RFC 9106, version 0x13, one lane) for servers: two passwords interleaved on one core.

A hash is a chain of blocks of 1 KiB, each of which waits for memory; two of them fill each other's waits. `units` says
whether this processor has what is needed; where it is empty, use another library.
"""

from argon2_interleaved._native import units
from argon2_interleaved.ends import first_blocks, tag_of
from argon2_interleaved.memory import MOST_AT_ONCE, Memory

__version__ = "0.1.0"
__all__ = ["MOST_AT_ONCE", "Memory", "first_blocks", "tag_of", "units"]
