// Previews: what a link to an equation, term, reference, figure or exercise leads to, shown beside it while it is
// pointed at or has the keyboard's focus. A page's targets come as a script, the first time that one is asked for.
window.unrolledPreviews = (() => {
  const root = document.documentElement.dataset.content_root;
  const known = new Map(); // page: its targets as HTML, by id
  const asked = new Map(); // page: the same, promised

  // A script, since a page in a folder cannot fetch a file.
  const load = (page) => {
    if (!asked.has(page)) {
      asked.set(page, new Promise((done) => {
        const script = document.createElement("script");
        script.src = `${root}_previews/${page}.js`;
        script.onload = script.onerror = () => done(known.get(page) ?? {});
        document.head.append(script);
      }));
    }
    return asked.get(page);
  };

  // A target's HTML as elements that may stand here, or nothing.
  const content = async (page, id) => {
    const html = (await load(page))[id];
    if (!html) return null;
    const template = document.createElement("template");
    template.innerHTML = html;
    for (const image of template.content.querySelectorAll("img")) {
      const source = image.getAttribute("src");
      if (!source.startsWith("data:")) image.src = root + source;
    }
    return template.content;
  };

  // Formulas that are wider than their box become smaller, so that all of each is seen.
  const fit = (box) => {
    const scrollers = [...box.querySelectorAll(".scrolls")];
    const wide = scrollers.map(({ scrollWidth, clientWidth }) => scrollWidth / clientWidth);
    scrollers.forEach(({ style }, k) => {
      if (wide[k] > 1) style.fontSize = `${Math.floor(96 / wide[k])}%`;
    });
  };

  return { set: (page, targets) => known.set(page, targets), content, fit };
})();

(() => {
  const { content, fit } = window.unrolledPreviews;
  const top = new URL(document.documentElement.dataset.content_root, location.href).pathname;
  const OPEN = 150, CLOSE = 300; // ms: a pointer that passes by opens nothing; one that goes over to the box keeps it
  let box; // made for the first
  let link; // the one whose preview is wanted or shown
  let at; // where the pointer came upon it
  let timer;

  const hide = () => {
    clearTimeout(timer);
    link?.removeAttribute("aria-describedby");
    link = undefined;
    if (box?.matches(":popover-open")) box.hidePopover();
  };

  const place = () => {
    // A link may be broken over two lines: the box stands above or below both.
    const lines = [...link.getClientRects()];
    const line = lines.find(({ left, right, top, bottom }) => at && left <= at.x && at.x <= right && top <= at.y && at.y <= bottom) ?? lines[0];
    const above = Math.min(...lines.map(({ top }) => top)), below = innerHeight - Math.max(...lines.map(({ bottom }) => bottom));
    const { width, height } = box.getBoundingClientRect();
    const under = height + 12 <= below || below >= above;
    const left = Math.max(16, Math.min(line.left, document.documentElement.clientWidth - width - 16));
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${(under ? innerHeight - below + 6 : above - height - 6) + scrollY}px`;
  };

  const show = async (wanted) => {
    const page = decodeURIComponent(wanted.pathname.slice(top.length)).replace(/\.html$/, "");
    const parts = await content(page, decodeURIComponent(wanted.hash.slice(1)));
    if (!parts || wanted !== link) return;
    if (!box) {
      box = document.createElement("div");
      box.id = "preview";
      box.className = "preview";
      box.popover = "manual";
      box.setAttribute("role", "tooltip");
      document.querySelector("main").append(box);
    }
    box.replaceChildren(parts);
    box.showPopover();
    fit(box);
    place();
    link.setAttribute("aria-describedby", "preview");
  };

  const want = (wanted, delay, point) => {
    clearTimeout(timer);
    if (wanted === link) return;
    hide();
    [link, at] = [wanted, point];
    timer = setTimeout(show, delay, wanted);
  };

  // The browser's own hints would stand beside ours.
  for (const each of document.querySelectorAll("a[data-preview][title]")) each.removeAttribute("title");

  document.addEventListener("pointerover", ({ target, pointerType, clientX: x, clientY: y }) => {
    if (pointerType === "touch" || !target.closest) return;
    const over = target.closest("a[data-preview]");
    if (over) want(over, OPEN, { x, y });
    else if (target.closest("#preview")) clearTimeout(timer);
    else if (link && !link.matches(":focus-visible")) {
      clearTimeout(timer);
      timer = setTimeout(hide, CLOSE);
    }
  });
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches("a[data-preview]:focus-visible")) want(target, 0);
  });
  document.addEventListener("focusout", ({ target }) => {
    if (target === link) hide();
  });
  // Escape takes the preview away; it comes back when the link is come upon again.
  document.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !link) return;
    clearTimeout(timer);
    if (box?.matches(":popover-open")) box.hidePopover();
    link.removeAttribute("aria-describedby");
  });
  document.addEventListener("click", ({ target }) => {
    if (!target.closest?.("#preview")) hide();
  });
  addEventListener("resize", hide);
  addEventListener("pagehide", hide);
})();
