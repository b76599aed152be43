"""Recurrent cells, forward and backward, in NumPy: the library of the textbook *Unrolled*."""

from . import fused
from .bptt import Gradients, backward, unroll
from .gradcheck import gradcheck, numerical_gradient
from .show import show

__all__ = ["Gradients", "backward", "fused", "gradcheck", "numerical_gradient", "show", "unroll"]
