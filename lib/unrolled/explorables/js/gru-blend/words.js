// What the picture shows, in words. Pure: no DOM. The same sentence in Python: gru_blend_picture.py.
import { fixed, gradientText } from "../kit/words.js";
import { SAME, halfStep, outside } from "./math.js";

function memory(kept, direct) {
  const T = kept.length;
  let cut = 0;
  for (let t = 2; t <= T; t++) if (kept[t - 1] === 0) cut = t;
  if (cut) return `Step ${cut} keeps nothing: along the direct path no earlier h reaches step ${T}.`;
  if (direct[0] === 1) return "No step after the first takes in anything new: its h is kept whole.";
  const back = T - halfStep(direct);
  const half =
    back === T ? "all steps together keep more than half"
      : back === 1 ? "the last step alone keeps at most half" : `the last ${back} steps together keep at most half`;
  return `Along the direct path ${gradientText(direct[0])} of the h of step 1 is left at step ${T}; ${half}.`;
}

export function describe(state, { own, before, kept, direct, total, difference }) {
  const T = kept.length;
  if (own && own.h.length === 0) return "Nothing is drawn: the update function failed.";
  const says = [`After ${T} ${T === 1 ? "step" : "steps"} h is ${fixed((own ?? before).h[T - 1])}.`];
  if (own) {
    says.push(`Through the update function given, the gradient from step ${T} back to step 1 is ${gradientText(total[0])}.`);
    const step = outside(state.h0, own);
    says.push(
      step ? `At step ${step} h is not between its old value and the candidate: no blend.`
        : "Every h is between its old value and the candidate.",
    );
  } else {
    says.push(memory(kept, direct), `By every path the gradient is ${gradientText(total[0])}.`);
  }
  says.push(
    difference.value < SAME ? "Reset before and after give the same h."
      : `Reset before and after: h differs by at most ${gradientText(difference.value)}, at step ${difference.step}.`,
  );
  return says.join(" ");
}

// A half-life in steps; ∞ where nothing is lost.
export function halfLifeText(steps) {
  if (steps === Infinity) return "∞";
  return steps < 1000 ? steps.toFixed(steps < 100 ? 1 : 0) : gradientText(steps);
}
