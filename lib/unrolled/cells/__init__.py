"""The recurrent cells, one module each: `rnn`, `gru`, `lstm`."""

from . import gru, lstm, rnn

__all__ = ["gru", "lstm", "rnn"]
