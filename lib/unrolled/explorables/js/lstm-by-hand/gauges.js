// Six bars beside the weights: f, i, candidate, o, c and h, each with its number, in every frame.
import { createPanel, text } from "../kit/panel.js";
import { fixed } from "../kit/words.js";
import { NUMBERS } from "./math.js";

export const ROW = 54; // px: the height of a row of the grid beside it
const TALL = 14;
const NARROW = 110; // px: the number has no room between the ends of the axis, which then stand above the bar
const LIMITS = [1, 2, 5, 10, 20];
const BARS = [
  { key: "f", low: 0 }, { key: "i", low: 0 }, { key: "c_tilde", low: -1 }, { key: "o", low: 0 },
  { key: "c", low: -1 }, { key: "h", low: -1 },
];

export function gauges(view, numbers) {
  let limit = 1; // of c, which alone is not bounded by 1
  const left = 10;
  const right = () => panel.width - 4;
  const top = (k) => k * ROW + 17;
  const reach = ({ key }) => (key === "c" ? limit : 1);
  const place = (bar, v) => {
    const most = reach(bar);
    const low = bar.low * most;
    return left + ((Math.min(most, Math.max(low, v)) - low) / (most - low)) * (right() - left);
  };
  const panel = createPanel(view, {
    name: "gauges", className: "lh-gauges", label: "Bars of f, i, the candidate, o, c and h", when: NUMBERS,
    height: () => {
      panel.width = panel.root.clientWidth; // a column of the grid, not the whole width
      return BARS.length * ROW;
    },
    still(ctx) {
      const { colours } = view;
      BARS.forEach((bar, k) => {
        const y = top(k);
        ctx.fillStyle = colours.track;
        ctx.fillRect(left, y, right() - left, TALL);
        ctx.fillStyle = colours.edge;
        ctx.fillRect(Math.round(place(bar, 0)) - 0.5, y - 2, 1, TALL + 4);
        const most = reach(bar);
        const tick = { colour: colours.muted, size: 11 };
        const line = right() - left < NARROW ? y - 5 : y + TALL + 14;
        text(ctx, bar.low ? `−${most}` : "0", left - 4, line, tick);
        text(ctx, String(most), right() + 2, line, { ...tick, align: "right" });
      });
    },
    live(ctx) {
      const values = numbers();
      const wanted = LIMITS.find((most) => Math.abs(values.c) <= most) ?? 20;
      const next = view.held() ? Math.max(limit, wanted) : wanted;
      if (next !== limit) {
        limit = next;
        panel.restill();
      }
      BARS.forEach((bar, k) => {
        const value = values[bar.key];
        const [from, to] = [place(bar, 0), place(bar, value)].sort((p, q) => p - q);
        ctx.fillStyle = view.colours[bar.key];
        ctx.fillRect(from, top(k), Math.max(2, to - from), TALL);
      });
      ctx.font = "600 12px system-ui, sans-serif";
      ctx.textAlign = "center";
      ctx.fillStyle = view.colours.ink;
      BARS.forEach((bar, k) => ctx.fillText(fixed(values[bar.key], 3), (left + right()) / 2, top(k) + TALL + 14));
    },
  });
  return panel.root;
}
