// The search page: places by their names, and pages by their words. What is looked for is in the address, so that a
// search is a link; the two indexes are loaded when there is something to look for.
(() => {
  const { index: indexUrl, places: placesUrl } = document.currentScript.dataset;
  const field = document.querySelector("main form.find input");
  const status = document.getElementById("search-status");
  const help = document.getElementById("search-help");
  const list = document.getElementById("search-results");
  const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
  const SHOWN = 30;
  let index; // Sphinx's: in which pages a word is
  let pages; // in the order of the book: {page, title, text, places}

  // Words as Sphinx has them: stems, in small letters.
  const stemmer = new Stemmer();
  const stems = new Map();
  const stem = (word) => {
    if (!stems.has(word)) stems.set(word, stemmer.stemWord(word).toLowerCase());
    return stems.get(word);
  };
  const plain = (text) => text.toLowerCase().replace(/[-\s]+/g, " ").replace(/^[("'“]+|[)"'”.]+$/g, "");
  const wordsOf = (text) => plain(text).match(/\d+(?:\.\d+)+|[\p{L}\p{N}_]+/gu) ?? [];
  // A symbol's parts are words too: clip_by_norm is found by "clip norm", and by clip_norm.
  const partsOf = (word) => word.split("_").filter(Boolean);
  const setOf = (text) => new Set(wordsOf(text).flatMap((word) => [word, ...partsOf(word)]).map(stem));
  const has = (there, word) => there.has(stem(word)) || (word.includes("_") && partsOf(word).every((part) => there.has(stem(part))));
  const looked = plain(query);
  const allWords = wordsOf(query);
  const wanted = allWords.some((word) => !stopwords.includes(word)) ? allWords.filter((word) => !stopwords.includes(word)) : allWords;
  const asCode = /[._]/.test(query);

  // How well a place fits: an exact name, then all words, then beginnings of words; 0 where it does not.
  const RANK = { Function: 90, Class: 90, Module: 88, Symbol: 85, Term: 80, Equation: 70, Page: 65, Method: 60, Property: 60, Section: 50, Figure: 30, Exercise: 30, Work: 25 };
  const LIBRARY = ["Function", "Class", "Module", "Method", "Property"];
  const fits = (kind, title, names, around) => {
    const library = LIBRARY.includes(kind);
    const all = [title, ...names].map(plain);
    const dotted = all.some((name) => name.endsWith(`.${looked}`));
    if (kind === "Code") {
      if (all[0] === looked) return title === query ? 860 : 850;
      if (dotted || all[0].startsWith(`${looked}.`)) return 700;
      return asCode && looked.length > 3 && all[0].includes(looked) ? 300 : 0;
    }
    const cased = [title, ...names].some((name) => name === query || name.endsWith(`.${query}`)) ? 5 : 0;
    if (all.includes(looked) || (library && dotted)) return 1000 + RANK[kind] + cased - (library ? title.length / 100 : 0);
    if (dotted) return 900 + RANK[kind] + cased;
    // Who writes prose looks for prose first.
    const rank = (library || kind === "Symbol") && !asCode && wanted.length > 1 ? 20 : RANK[kind];
    if (!wanted.length) return all.some((name) => name.includes(looked)) ? 300 + rank : 0; // a sign
    let best = 0;
    for (const name of all) {
      const words = wordsOf(library ? name.replace("unrolled.", "") : name), there = setOf(words.join(" "));
      const share = Math.min(1, wanted.flatMap(partsOf).length / words.flatMap(partsOf).length);
      if (wanted.every((word) => has(there, word))) best = Math.max(best, 600 + 200 * share + rank);
      else if (wanted.every((word) => word.length > 1 && [...words, ...words.flatMap(partsOf)].some((part) => part.startsWith(word)))) best = Math.max(best, 400 + 100 * share + rank);
      else if (looked.length > 2 && words.join(".").includes(looked)) best = Math.max(best, 300 + rank);
    }
    if (best || wanted.length < 2) return best;
    // Some words in the name, the rest in what it is and where: "half-life exercise", "gru exercises".
    const own = setOf(all.join(" ").replaceAll("unrolled.", "")), there = setOf(around);
    const inName = wanted.filter((word) => has(own, word)).length;
    return inName && wanted.every((word) => has(own, word) || has(there, word)) ? 200 + (100 * inName) / wanted.length + rank : 0;
  };

  // Pages that have all the words, by Sphinx's index; a word that is in none stands for those that it is a part of.
  const own = (map, word) => (Object.hasOwn(map, word) ? [map[word]].flat() : []);
  const pagesWith = (looked) => {
    const word = stem(looked);
    const found = new Map();
    const add = (files, score) => files.forEach((file) => found.set(file, Math.max(score, found.get(file) ?? 0)));
    add(own(index.titleterms, word), 15);
    add(own(index.terms, word), 5);
    if (!found.size && word.length > 2) {
      for (const [map, score] of [[index.titleterms, 7], [index.terms, 2]]) {
        for (const term of Object.keys(map)) if (term.includes(word)) add(own(map, term), score);
      }
    }
    return found;
  };
  const wholeText = () => {
    const each = wanted.map(pagesWith);
    const all = new Map();
    for (const file of each[0]?.keys() ?? []) {
      if (each.every((found) => found.has(file))) all.set(index.docnames[file], each.reduce((sum, found) => sum + found.get(file), 0));
    }
    return all;
  };

  const search = () => {
    const results = [];
    const texts = wholeText();
    for (const { page, title, text, places } of pages) {
      const words = texts.get(page);
      const score = Math.max(fits("Page", title.replace(/^[\d.]+ /, ""), [], ""), words ? 100 + words : 0);
      if (score) results.push({ kind: "Page", title, page, anchor: "", section: "", text, score, body: score < 300 });
      for (const [kind, name, anchor = "", section = "", names = [], about = ""] of places) {
        const fit = fits(kind, name, names, `${kind} ${title} ${section}`);
        if (fit) results.push({ kind, title: name, page, where: title, anchor, section, text: about, score: fit });
      }
    }
    return results.sort((a, b) => b.score - a.score); // equals stay in the order of the book
  };

  // Shown

  const element = (name, className, ...content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };
  const isHit = (word) => {
    const there = setOf(word);
    return wanted.some((each) => has(there, each));
  };
  // Text with the words that were looked for marked.
  const marked = (text) => text.split(/([\p{L}\p{N}_]+)/gu).map((part, k) => {
    return k % 2 && isHit(part) ? element("mark", "", part) : part;
  });
  const excerpt = (text) => {
    const line = text.replace(/\s+/g, " ").trim();
    const first = [...line.matchAll(/[\p{L}\p{N}_]+/gu)].find(([word]) => isHit(word))?.index ?? 0;
    const from = first < 150 ? 0 : line.lastIndexOf(" ", first - 90) + 1;
    const to = from + 240 < line.length ? line.lastIndexOf(" ", from + 240) : line.length;
    return element("p", "excerpt", from ? "… " : "", ...marked(line.slice(from, to)), to < line.length ? " …" : "");
  };

  // What stands on a page, fetched once; a page in a folder cannot be.
  const fetched = new Map();
  const article = (page) => {
    if (!fetched.has(page)) {
      fetched.set(page, fetch(`${page}.html`).then((answer) => answer.text()).then((html) => {
        const found = new DOMParser().parseFromString(html, "text/html").querySelector("article");
        for (const part of found.querySelectorAll("annotation, .headerlink, .eqno, script, style, svg, [data-explorable]")) part.remove();
        return found;
      }));
    }
    return fetched.get(page);
  };
  const fromPage = async ({ page, anchor, section, body }, item) => {
    const all = await article(page);
    const scope = anchor ? all.querySelector(`#${CSS.escape(anchor)}`) : all;
    let best, most = 0;
    for (const block of scope?.querySelectorAll("p, li, dd, td, pre, figcaption") ?? []) {
      const there = setOf(block.textContent);
      const hits = wanted.filter((word) => has(there, word)).length;
      if (hits > most) [best, most] = [block, hits];
    }
    best ??= scope?.querySelector("p");
    if (!best) return;
    item.append(excerpt(best.textContent));
    // A page that was found by its text leads to the section where the text is.
    const there = best.closest("section[id]");
    if (!body || !there || there.parentElement === all) return;
    item.querySelector("a").hash = there.id;
    item.querySelector(".where").append(` › ${there.querySelector("h2, h3, h4")?.textContent.trim()}`);
  };
  // Equations, terms, exercises and figures are shown as they are.
  const fromPreview = async ({ page, anchor }, item) => {
    const { content, fit } = window.unrolledPreviews;
    const parts = await content(page, anchor);
    if (!parts) return;
    for (const said of parts.querySelectorAll("dt, .admonition-title, .caption-number, .eqno, .label")) said.remove();
    // A definition without its term is no list of definitions.
    for (const list of parts.querySelectorAll("dl")) {
      const told = [...list.children].flatMap((one) => [...one.childNodes]);
      list.replaceWith(element("div", "", ...told));
    }
    const box = element("div", "found", parts);
    item.append(box);
    fit(box);
  };
  const fill = (result, item) => {
    if (["Equation", "Term", "Exercise", "Figure", "Work"].includes(result.kind)) return fromPreview(result, item);
    if (result.text && !result.body) return item.append(result.kind === "Code" ? element("p", "excerpt", element("code", "", result.text)) : excerpt(result.text));
    if (location.protocol !== "file:" && ["Page", "Section"].includes(result.kind)) return fromPage(result, item);
    return result.text && item.append(excerpt(result.text));
  };
  // A result gets its text when it comes near.
  const waiting = new Map();
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting || !waiting.has(target)) continue;
      fill(waiting.get(target), target);
      waiting.delete(target);
    }
  }, { rootMargin: "50%" });

  const show = (results) => {
    for (const result of results) {
      const { kind, title, page, where, anchor, section } = result;
      const link = element("a", "", ...(LIBRARY.includes(kind) || ["Symbol", "Code"].includes(kind) ? [element("code", "", title)] : [title]));
      link.href = `${page}.html${anchor && `#${anchor}`}`;
      const place = where ? `, in ${where}${section && section !== title ? ` › ${section}` : ""}` : "";
      const item = element("li", "", link, element("p", "where", element("span", "kind", kind), place));
      list.append(item);
      waiting.set(item, result);
      near.observe(item);
    }
  };

  // How many letters are to be changed, left out, put in or swapped between two words.
  const distance = (a, b) => {
    const rows = [[...Array(b.length + 1).keys()]];
    for (let i = 1; i <= a.length; i++) {
      rows[i] = [i];
      for (let k = 1; k <= b.length; k++) {
        rows[i][k] = Math.min(rows[i - 1][k] + 1, rows[i][k - 1] + 1, rows[i - 1][k - 1] + (a[i - 1] !== b[k - 1]));
        if (a[i - 1] === b[k - 2] && a[i - 2] === b[k - 1]) rows[i][k] = Math.min(rows[i][k], rows[i - 2][k - 2] + 1);
      }
    }
    return rows[a.length][b.length];
  };
  // The word of the book that is closest to one that it does not have.
  const closest = (word) => {
    if (word.length < 4 || [index.terms, index.titleterms].some((map) => own(map, stem(word)).length)) return word;
    const known = new Set(pages.flatMap(({ title, places }) => [title, ...places.map(([kind, name]) => (kind === "Code" ? "" : name))]).flatMap(wordsOf));
    const scored = [...known].filter((each) => Math.abs(each.length - word.length) < 3).map((each) => [distance(word, each), each]);
    const [steps, best] = scored.reduce((a, b) => (b[0] < a[0] ? b : a), [3, word]);
    return steps <= (word.length < 6 ? 1 : 2) ? best : word;
  };

  const answer = () => {
    if (!index || !pages) return;
    const results = search();
    const count = results.length;
    status.textContent = count ? `${count === 1 ? "One result" : `${count} results`} for “${query}”` : `Nothing was found for “${query}”.`;
    show(results.slice(0, SHOWN));
    if (count > SHOWN) {
      const more = element("button", "more", `Show ${count - SHOWN} more`);
      more.type = "button";
      more.addEventListener("click", () => {
        more.remove();
        show(results.slice(SHOWN));
        list.children[SHOWN].querySelector("a").focus();
      });
      list.after(more);
    }
    if (count) return;
    const advice = [element("p", "", "Try fewer words, or others; code as it is written, and equations by name or number.")];
    const other = allWords.map(closest).join(" ");
    if (other !== allWords.join(" ")) {
      const link = element("a", "", other);
      link.href = `?q=${encodeURIComponent(other)}`;
      advice.unshift(element("p", "", "Did you mean ", link, "?"));
    }
    status.after(...advice);
    help.hidden = false;
  };

  // Sphinx's file calls Search.setIndex.
  window.Search = {
    setIndex: (found) => { index = found; answer(); },
    setPlaces: (found) => { pages = found; answer(); },
  };
  field.value = query;
  if (!query) {
    field.focus();
    return;
  }
  document.title = `${query} — ${document.title}`;
  help.hidden = true;
  status.textContent = `Looking for “${query}” …`;
  for (const source of [placesUrl, indexUrl]) {
    const script = document.createElement("script");
    script.onerror = () => (status.textContent = "The search index did not load. Is the book reachable?");
    script.src = source;
    document.head.append(script);
  }
})();
