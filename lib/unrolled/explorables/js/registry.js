// Every explorable by the name in its host element's data-explorable.
import * as lstmGates from "./lstm-gates.js";

export const explorables = { "lstm-gates": lstmGates };
