"""Live pictures: alive on the page without a kernel, in sync with Python where there is one."""

from unrolled.explorables.error_wall import ErrorWall
from unrolled.explorables.explorable import Explorable
from unrolled.explorables.gradient_highway import GradientHighway
from unrolled.explorables.gru_blend import GRUBlend
from unrolled.explorables.jacobian_flow import JacobianFlow
from unrolled.explorables.lstm_by_hand import LSTMByHand
from unrolled.explorables.lstm_gates import LSTMGates
from unrolled.explorables.training_replay import TrainingReplay
from unrolled.explorables.unrolled_rnn import UnrolledRNN

__all__ = [
    "ErrorWall",
    "Explorable",
    "GRUBlend",
    "GradientHighway",
    "JacobianFlow",
    "LSTMByHand",
    "LSTMGates",
    "TrainingReplay",
    "UnrolledRNN",
]
