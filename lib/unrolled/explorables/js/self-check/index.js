// Self-checks: the forms are in the page already; this makes them answer.
import { html, listeners, setText } from "../kit/dom.js";

export const kind = "self-check";

const TYPES = ["choice", "number", "order", "predict"];

// The state of a host element, checked; throws an Error that says what is wrong.
export function validated(state) {
  const { name, questions } = state ?? {};
  if (typeof name !== "string") throw new Error("name: expected a text");
  if (!Array.isArray(questions) || !questions.every((q) => TYPES.includes(q?.type))) throw new Error("questions: expected a list of questions");
  return { _state: { name, questions } };
}

// A number as people write it: 0,5 and −3 and 1.2e-3 and 10^-3; NaN for anything else.
export function readNumber(text) {
  const plain = text.trim().replace(/[−–]/g, "-").replace(",", ".").replace(/\s*[×x*]\s*10\s*\^?\s*/, "e").replace(/^10\^/, "1e");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

// What the browser keeps; nothing where it may not.
function memory(name) {
  const key = `unrolled:self-check:${name}`;
  return {
    read() {
      try {
        const kept = JSON.parse(localStorage.getItem(key));
        return kept && typeof kept === "object" ? kept : {};
      } catch {
        return {};
      }
    },
    write(answers) {
      try {
        if (Object.keys(answers).length) localStorage.setItem(key, JSON.stringify(answers));
        else localStorage.removeItem(key);
      } catch {
        // A page from a folder, or a private window: the answers are kept while the page is open.
      }
    },
  };
}

export function render({ model, el }) {
  const { name, questions } = model.get("_state");
  const { on, remove } = listeners();
  // A notebook brings the forms with the widget.
  if (!el.querySelector(".sc")) {
    el.innerHTML = model.get("_html");
    el.classList.add("unrolled-frame");
  }
  const root = el.querySelector(".sc");
  root.classList.add("sc-live");
  const store = memory(name);
  let answers = store.read();
  const progress = root.querySelector(".sc-progress [role=status]");
  const forget = root.querySelector("[data-forget]");

  function count() {
    const right = questions.filter((q) => answers[q.id]?.right).length;
    setText(progress, `${right} of ${questions.length} answered right`);
    forget.hidden = Object.keys(answers).length === 0;
  }

  const forms = [...root.querySelectorAll(".sc-question")].map((form, k) => question(form, questions[k]));
  count();

  function question(form, q) {
    const feedback = form.querySelector(".sc-feedback");
    const steps = form.querySelector(".sc-steps");
    const start = steps ? [...steps.children] : [];

    function say(right, words) {
      form.dataset.result = right === null ? "" : right ? "right" : "wrong";
      feedback.innerHTML = words;
      if (right !== null) feedback.prepend(html("b", {}, right ? "Right. " : "Not yet. "));
    }
    function keep(value, right) {
      answers[q.id] = { value, right };
      store.write(answers);
      count();
    }

    const kinds = {
      choice: {
        given: () => form.querySelector("input:checked")?.value ?? null,
        put: (value) => {
          for (const input of form.querySelectorAll("input")) input.checked = input.value === value;
        },
        missing: "Choose one of the answers.",
        judge: (value) => [Number(value) === q.right, q.reasons[Number(value)] ?? ""],
      },
      number: {
        given: () => form.querySelector("input").value.trim() || null,
        put: (value) => { form.querySelector("input").value = value ?? ""; },
        missing: "Write a number.",
        judge: (text) => {
          const value = readNumber(text);
          if (Number.isNaN(value)) return [null, "That is no number that can be read: write it like 0.25 or 3e-4."];
          const close = (other) => Math.abs(value - other) <= q.within * (1 + 1e-9);
          if (close(q.answer)) return [true, q.why];
          return [false, q.wrong.find(([other]) => close(other))?.[1] ?? q.hint];
        },
      },
      order: {
        given: () => [...steps.children].map((item) => Number(item.dataset.step)),
        put: (value) => {
          const order = value ?? start.map((item) => Number(item.dataset.step));
          steps.append(...order.map((k) => start.find((item) => Number(item.dataset.step) === k)).filter(Boolean));
          ends();
        },
        judge: (order) => {
          const first = order.findIndex((step, k) => step !== k);
          return first < 0 ? [true, q.why] : [false, `Look at place ${first + 1}: ${q.reasons[first]}`];
        },
      },
      predict: {
        given: () => form.querySelector("textarea").value,
        put: (value) => { form.querySelector("textarea").value = value ?? ""; },
        judge: () => [null, q.reveal],
      },
    };
    const one = kinds[q.type];

    // The first cannot go up, the last cannot go down.
    function ends() {
      const items = [...steps.children];
      items.forEach((item, k) => {
        const [up, down] = item.querySelectorAll("[data-move]");
        const words = item.firstElementChild.textContent;
        up.setAttribute("aria-label", `Move up, from place ${k + 1}: ${words}`);
        down.setAttribute("aria-label", `Move down, from place ${k + 1}: ${words}`);
        up.setAttribute("aria-disabled", String(k === 0));
        down.setAttribute("aria-disabled", String(k === items.length - 1));
      });
    }
    if (steps) {
      ends();
      on(steps, "click", (event) => {
        const move = Number(event.target.closest("[data-move]")?.dataset.move ?? 0);
        const item = event.target.closest("li");
        const other = move < 0 ? item?.previousElementSibling : move > 0 ? item?.nextElementSibling : null;
        if (!other) return;
        const key = event.target.closest("[data-move]");
        if (move < 0) other.before(item);
        else other.after(item);
        ends();
        key.focus();
        say(null, `Now at place ${[...steps.children].indexOf(item) + 1}.`);
      });
    }

    function check() {
      const value = one.given();
      if (value === null) {
        say(null, one.missing);
        return;
      }
      const [right, words] = one.judge(value);
      say(right, words);
      if (q.type === "predict") grade(value);
      else if (right !== null) keep(value, right);
    }

    // Only the reader can tell whether the prediction was right.
    function grade(value) {
      const buttons = [["I had it", true], ["not quite", false]].map(([text, right]) =>
        html("button", { type: "button", class: "u-button", "aria-pressed": String(answers[q.id]?.right === right), "data-right": right }, text));
      feedback.append(html("span", { class: "sc-grade" }, ...buttons));
      for (const button of buttons) {
        on(button, "click", () => {
          keep(value, button.dataset.right === "true");
          form.dataset.result = button.dataset.right === "true" ? "right" : "wrong";
          for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        });
      }
    }

    on(form.querySelector("[data-check]"), "click", check);
    on(form, "keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) {
        check();
        event.preventDefault();
      }
      event.stopPropagation(); // a notebook has keys of its own
    });

    function restore() {
      const kept = answers[q.id];
      one.put(kept?.value);
      if (!kept) say(null, "");
      else if (q.type === "predict") {
        say(null, q.reveal);
        form.dataset.result = kept.right ? "right" : "wrong";
        grade(kept.value);
      } else say(...one.judge(kept.value));
    }
    restore();
    return { restore };
  }

  on(forget, "click", () => {
    answers = {};
    store.write(answers);
    for (const form of forms) form.restore();
    count();
    root.querySelector("input, textarea, [data-move]")?.focus();
  });

  return () => {
    remove();
    root.classList.remove("sc-live");
  };
}
