// The page's own behaviour: colours, copy buttons, scrolling boxes, the contents' mark, the search key.
// Everything is there without it but these.
(() => {
  const root = document.documentElement;

  // Colours: as the system, light, dark, in turn; the first turn always changes something.
  // Where the reader's system sets the colours, its own hold, also for what is drawn.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const forced = matchMedia("(forced-colors: active)");
  const names = { auto: "as the system", light: "light", dark: "dark" };
  const button = document.querySelector("button.theme");
  const apply = (mode) => {
    root.dataset.mode = mode;
    root.dataset.theme = mode === "auto" || forced.matches ? (dark.matches ? "dark" : "light") : mode;
    if (button) button.title = `Colours: ${names[mode]}`;
    button?.setAttribute("aria-label", `Colours: ${names[mode]}`);
  };
  apply(root.dataset.mode in names ? root.dataset.mode : "auto");
  for (const query of [dark, forced]) query.addEventListener("change", () => apply(root.dataset.mode));
  button?.addEventListener("click", () => {
    const order = dark.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
    const mode = order[(order.indexOf(root.dataset.mode) + 1) % 3];
    apply(mode);
    try {
      localStorage.setItem("mode", mode);
    } catch {
      // Storage may be forbidden; the choice then holds for this page.
    }
  });

  // Sections far away are laid out one by one when there is time. Until then, to measure what is in them would do it
  // at once; who goes to a place in the page needs all of it, to arrive where it is.
  const laidOut = (element) => element.checkVisibility?.({ contentVisibilityAuto: true }) ?? true;
  const later = window.requestIdleCallback ?? ((task) => setTimeout(task, 50));
  const sections = [...document.querySelectorAll("article > div > section, article > div > section > section, article .check + div")];
  const layOut = () => {
    const section = "whole" in root.dataset ? undefined : sections.shift();
    if (!section) {
      root.dataset.whole = "";
      requestAnimationFrame(measure);
    } else {
      section.style.contentVisibility = "visible";
      later(layOut);
    }
  };
  addEventListener("load", () => later(layOut), { once: true });
  addEventListener("click", ({ target }) => {
    if (target.closest("a[href*='#']")) root.dataset.whole = "";
  }, { capture: true });

  // Explorables are still pictures until they come near, or may be reached by keyboard, or are linked to:
  // only then is the script of their kind asked for, which makes all of the kind alive. What has a large state, a
  // recorded run, waits until it is asked for, as a film does.
  const hosts = [...document.querySelectorAll("[data-script]")];
  const asked = new Set();
  const ask = (address, again) => {
    if (asked.has(address)) return;
    asked.add(address);
    const script = document.createElement("script");
    script.src = address;
    script.async = false; // in the order in which they are asked for: states, then what draws them
    script.addEventListener("error", () => {
      asked.delete(address);
      addEventListener("online", again, { once: true });
    });
    document.head.append(script);
  };
  const wake = ({ dataset: { script } }) => {
    const alike = hosts.filter((host) => host.dataset.script === script);
    for (const host of alike) {
      near.unobserve(host);
      const { stateFile } = host.dataset;
      if (stateFile) ask(`${root.dataset.content_root}_states/${stateFile}.js`, () => wake(host));
    }
    ask(script, () => wake(alike[0]));
  };
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) wake(target);
  }, { rootMargin: "75% 0px" });
  const offer = (host) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "load";
    button.textContent = `Load the recorded run (${host.dataset.stateSize} KiB)`;
    button.addEventListener("click", () => wake(host));
    host.append(button);
    new MutationObserver((_, alive) => {
      if (!host.querySelector(".u-live")) return;
      alive.disconnect();
      const pressed = document.activeElement === button;
      button.remove();
      if (pressed) host.querySelector("button:enabled")?.focus({ preventScroll: true });
    }).observe(host, { subtree: true, attributeFilter: ["class"] });
  };
  for (const host of hosts) {
    if (host.dataset.stateFile) offer(host);
    else near.observe(host);
  }
  if (hosts.length) {
    const byKeyboard = (event) => {
      if (event.key !== "Tab") return;
      removeEventListener("keydown", byKeyboard);
      hosts.forEach(wake);
    };
    addEventListener("keydown", byKeyboard);
    const linked = () => {
      const [, kind] = /^#unrolled=([a-z-]*)/.exec(location.hash) ?? [];
      // What is wrong with a link, the first one says.
      if (kind !== undefined) wake(hosts.find((host) => host.dataset.explorable === kind) ?? hosts[0]);
    };
    addEventListener("hashchange", linked);
    linked();
  }

  // Boxes that scroll sideways can be reached by keyboard, and only those that do.
  const boxes = document.querySelectorAll("article .scrolls, article pre, article .cell_output .output:not(:has([data-explorable]))");
  const reach = (box, scrolls) => {
    box.toggleAttribute("data-wide", scrolls);
    if (!scrolls) {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
      return;
    }
    const name = box.matches("pre") ? "Code" : box.querySelector("table") ? "Table" : box.querySelector("math") ? "Equation" : "Output";
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `${name}, scrolls sideways`);
  };
  // All are measured before any is changed, so that the page is laid out once.
  const reachAll = (some) => {
    const wide = some.map((box) => box.scrollWidth > box.clientWidth + 1);
    some.forEach((box, k) => reach(box, wide[k]));
  };
  const sizes = new ResizeObserver((entries) => reachAll(entries.map(({ target }) => target)));
  for (const box of boxes) sizes.observe(box);
  // A font changes what is in a box, but not the box.
  const measure = () => document.fonts.ready.then(() => reachAll([...boxes].filter(laidOut)));
  document.fonts.addEventListener("loadingdone", measure);
  measure();

  // Copy buttons on code, not on what it printed. Where the clipboard is out of reach (a page that is not served
  // safely, or forbidden), the browser copies a selection; if not even that, the code is left selected.
  const copied = async (pre) => {
    try {
      await navigator.clipboard.writeText(pre.textContent.trimEnd() + "\n");
      return true;
    } catch {
      getSelection().selectAllChildren(pre);
      const done = document.execCommand("copy");
      if (done) getSelection().removeAllRanges();
      return done;
    }
  };
  const blocks = [...document.querySelectorAll("article div[class*='highlight-'] > .highlight, article .output > .highlight")];
  const status = document.createElement("p"); // says to screen readers what the button shows
  status.className = "unseen";
  status.setAttribute("role", "status");
  if (blocks.length) document.querySelector("main").append(status);
  for (const block of blocks) {
    if (block.closest(".output.stream, .output.stderr, .output.text_plain, .output.traceback")) continue;
    const copy = document.createElement("button");
    const show = (words) => {
      copy.textContent = words;
      copy.setAttribute("aria-label", words === "Copy" ? "Copy this code" : words);
    };
    copy.type = "button";
    copy.className = "copy";
    show("Copy");
    copy.addEventListener("click", async () => {
      const words = (await copied(block.querySelector("pre"))) ? "Copied" : "Selected";
      show(words);
      status.textContent = words;
      setTimeout(() => {
        show("Copy");
        status.textContent = "";
      }, 1500);
    });
    block.append(copy);
  }

  // The contents mark the section that is being read.
  const links = [...document.querySelectorAll(".contents a[href^='#']")];
  const heads = links
    .map((link) => [link, document.getElementById(decodeURIComponent(link.hash.slice(1)))])
    .filter(([, section]) => section);
  if (heads.length) {
    let waiting = false;
    const mark = () => {
      waiting = false;
      const passed = heads.filter(([, section]) => laidOut(section) && section.getBoundingClientRect().top < innerHeight / 4);
      const current = (passed.at(-1) ?? heads[0])[0];
      for (const link of links) {
        if (link === current) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    };
    addEventListener("scroll", () => {
      if (!waiting) requestAnimationFrame(mark);
      waiting = true;
    }, { passive: true });
    requestAnimationFrame(mark);
  }

  // The book's contents begin where the reader is, also far down in them.
  const sidebar = document.getElementById("sidebar");
  const here = sidebar.querySelector("a[aria-current]");
  const showHere = () => {
    const [all, one] = [sidebar, here].map((element) => element.getBoundingClientRect());
    if (one.bottom > all.bottom - one.height) sidebar.scrollTop += (one.top + one.bottom - all.top - all.bottom) / 2;
  };
  if (here) {
    sidebar.addEventListener("toggle", showHere);
    if (matchMedia("(min-width: 62rem)").matches) requestAnimationFrame(showHere);
  }

  // Control or Command and K: search, here or on the search page.
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const field = document.querySelector("form.find input");
    if (!field) return;
    event.preventDefault();
    if (sidebar.contains(field) && !field.checkVisibility()) sidebar.showPopover();
    field.focus();
  });
})();
