"""The recurrent cells, one module each; a diff of two files is the difference of two cells."""

from . import gru, gru_reset_after, lstm, lstm_coupled, lstm_peephole, rnn, rnn_relu

__all__ = [
    "gru",
    "gru_reset_after",
    "lstm",
    "lstm_coupled",
    "lstm_peephole",
    "rnn",
    "rnn_relu",
]
