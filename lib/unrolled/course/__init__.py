"""The course: three assignments, graded on the forward and on the backward pass."""

from .check import check

__all__ = ["check"]
