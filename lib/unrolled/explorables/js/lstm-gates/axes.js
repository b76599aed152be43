// Axes of the panels that show states and gradients. Pure: no DOM.

export const GRADIENT_FLOOR = -8; // the log axis ends at 10^−8; smaller values sit on its edge, 0 below it

const LIMITS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

// The least symmetric limit of the state axis that holds all values.
export function stateLimit(values) {
  let most = 0;
  for (const v of values) most = Math.max(most, Math.abs(v));
  return LIMITS.find((limit) => most <= limit) ?? 10 ** Math.ceil(Math.log10(most));
}

// The exponent at the top of the log axis: 0, or that of the power of ten that holds the largest value.
export function gradientCeiling(values) {
  let most = 1;
  for (const v of values) most = Math.max(most, Math.abs(v));
  return Math.min(300, Math.ceil(Math.log10(most) - 1e-9));
}
