// Numbers and states in words. Pure: no DOM.

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

// 0.9 -> "0.90", -0.3 -> "−0.30"; never "−0.00".
export function fixed(v, digits = 2) {
  const s = v.toFixed(digits);
  if (!(v < 0)) return s;
  return Number(s) === 0 ? s.slice(1) : `−${s.slice(1)}`;
}

export function power(exponent) {
  return "10" + [...String(exponent)].map((ch) => SUPERSCRIPT[ch]).join("");
}

// A gradient: "0" and "1" exactly when it is exactly that, two digits above 0.01, else a power of ten.
export function gradientText(g) {
  if (g === 0) return "0";
  if (Math.abs(g) === 1) return g < 0 ? "−1" : "1";
  const sign = g < 0 ? "−" : "";
  const a = Math.abs(g);
  if (a >= 0.995 && a < 1) return sign + a.toFixed(3);
  if (a >= 0.01 && a < 99.5) return sign + a.toPrecision(2);
  const [mantissa, exponent] = a.toExponential(1).split("e");
  return `${sign}${mantissa}×${power(Number(exponent))}`;
}
