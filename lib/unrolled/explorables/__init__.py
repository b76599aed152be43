"""Live pictures: alive on the page without a kernel, in sync with Python where there is one."""

from unrolled.explorables.explorable import Explorable
from unrolled.explorables.lstm_gates import LSTMGates

__all__ = ["Explorable", "LSTMGates"]
