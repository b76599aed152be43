// The search page: places by their names, and pages by their words. What is looked for is in the address, so that a
// search is a link; the index is loaded when there is something to look for, and with the page (first.js). What is
// shown with a result comes after it; those that the window has room for are shown complete, so that nothing moves.
(() => {
  const { content_root: root, index: indexFile } = document.documentElement.dataset;
  const field = document.querySelector("main form.find input");
  const status = document.getElementById("search-status");
  const help = document.getElementById("search-help");
  const list = document.getElementById("search-results");
  const query = (new URLSearchParams(location.search).get("q") ?? "").trim();
  const SHOWN = 30;
  const PATIENCE = 1500; // ms: what takes longer is shown when it comes
  let pages; // in the order of the book: {page, title, text, places}
  let terms, titleterms; // in which pages a word is, and in which pages' titles
  let sections = {}; // by page: how each section begins, in the order of its places
  let code = {}; // by page: lines of code by the name in them
  const passages = {}; // by page: sections with their texts, [anchor, title, [text, ...]]

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
  // A word begins like its stem, but for the last two letters at most: most texts can be left at once.
  const beginnings = wanted.map((word) => {
    const part = stem(partsOf(word).reduce((a, b) => (b.length > a.length ? b : a), ""));
    return part.length > 3 ? part.slice(0, -2) : part.replace(/(.)[iy]$/, "$1");
  });
  const mayHave = (text, lower = text.toLowerCase()) => beginnings.filter((part) => lower.includes(part)).length;

  // How well a place fits: an exact name, then all words, then beginnings of words; 0 where it does not.
  const RANK = { Function: 90, Class: 90, Module: 88, Symbol: 85, Term: 80, Equation: 70, Page: 65, Method: 60, Property: 60, Section: 50, Figure: 30, Exercise: 30, Work: 25 };
  const LIBRARY = ["Function", "Class", "Module", "Method", "Property"];
  const fits = (kind, title, names, around) => {
    if (kind === "Code" ? !title.toLowerCase().includes(looked) : wanted.length && !mayHave([title, ...names].join(" "))) return 0;
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
  const filesOf = (groups, fit) => Object.entries(groups).flatMap(([numbers, words]) => (fit(words) ? numbers.split(",").map(Number) : []));
  const own = (groups, word) => filesOf(groups, (words) => ` ${words} `.includes(` ${word} `));
  const pagesWith = (looked) => {
    const word = stem(looked);
    const found = new Map();
    const add = (files, score) => files.forEach((file) => found.set(file, Math.max(score, found.get(file) ?? 0)));
    add(own(titleterms, word), 15);
    add(own(terms, word), 5);
    if (!found.size && word.length > 2) {
      const within = (words) => words.includes(word);
      add(filesOf(titleterms, within), 7);
      add(filesOf(terms, within), 2);
    }
    return found;
  };
  const wholeText = () => {
    const each = wanted.map(pagesWith);
    const all = new Map();
    for (const file of each[0]?.keys() ?? []) {
      if (each.every((found) => found.has(file))) all.set(pages[file].page, each.reduce((sum, found) => sum + found.get(file), 0));
    }
    return all;
  };

  const search = () => {
    const results = [];
    const inText = wholeText();
    for (const { page, title, text, places } of pages) {
      const words = inText.get(page);
      const score = Math.max(fits("Page", title.replace(/^[\d.]+ /, ""), [], ""), words ? 100 + words : 0);
      if (score) results.push({ kind: "Page", title, page, anchor: "", section: "", text, score, body: score < 300 });
      for (const [at, [kind, name, anchor = "", section = "", names = [], about = ""]] of places.entries()) {
        const fit = fits(kind, name, names, `${kind} ${title} ${section}`);
        if (fit) results.push({ kind, title: name, page, where: title, anchor, section, text: about, at, score: fit });
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
    if (!mayHave(word)) return false;
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

  // A script that hands over what it has; one that does not come leaves a result without its text.
  const loads = new Map();
  const load = (file) => {
    if (!loads.has(file)) {
      loads.set(file, new Promise((done) => {
        const script = document.createElement("script");
        script.onload = script.onerror = done;
        script.src = root + file;
        document.head.append(script);
      }));
    }
    return loads.get(file);
  };
  // A page that was found by its text shows the place, and leads to its section.
  const fromPage = async ({ page, text }, item) => {
    await load(`_texts/${page}.js`);
    let best = ["", "", text], most = 0;
    for (const [anchor, title, blocks] of passages[page] ?? []) {
      for (const block of blocks) {
        if (mayHave(block) <= most) continue;
        const there = setOf(block);
        const hits = wanted.filter((word) => has(there, word)).length;
        if (hits > most) [best, most] = [[anchor, title, block], hits];
      }
    }
    const [anchor, title, block] = best;
    item.append(excerpt(block));
    if (!anchor) return;
    item.querySelector("a").hash = anchor;
    item.querySelector(".where").append(` › ${title}`);
  };
  const fromSections = async ({ page, at }, item) => {
    await load("searchsections.js");
    const text = sections[page]?.[at];
    if (text) item.append(excerpt(text));
  };
  const fromCode = async ({ title, page }, item) => {
    await load("searchcode.js");
    const text = code[page]?.[title];
    if (text) item.append(element("p", "excerpt", element("code", "", text)));
  };
  // Equations, terms, exercises and figures are shown as they are.
  const fromPreview = async ({ page, anchor }, item) => {
    const { content } = window.unrolledPreviews;
    const parts = await content(page, anchor);
    if (!parts) return;
    for (const said of parts.querySelectorAll("dt, .admonition-title, .caption-number, .eqno, .label")) said.remove();
    // A definition without its term is no list of definitions.
    for (const list of parts.querySelectorAll("dl")) {
      const told = [...list.children].flatMap((one) => [...one.childNodes]);
      list.replaceWith(element("div", "", ...told));
    }
    item.append(element("div", "found", parts));
  };
  const fill = (result, item) => {
    if (["Equation", "Term", "Exercise", "Figure", "Work"].includes(result.kind)) return fromPreview(result, item);
    if (result.kind === "Section") return fromSections(result, item);
    if (result.kind === "Code") return fromCode(result, item);
    if (result.body) return fromPage(result, item);
    return result.text && item.append(excerpt(result.text));
  };
  const fitted = (item) => window.unrolledPreviews.fit(item);
  // Other results get their texts when they come near.
  const waiting = new Map();
  const near = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting || !waiting.has(target)) continue;
      Promise.resolve(fill(waiting.get(target), target)).then(() => fitted(target));
      waiting.delete(target);
    }
  }, { rootMargin: "50%" });

  const made = (result) => {
    const { kind, title, page, where, anchor, section } = result;
    const link = element("a", "", ...(LIBRARY.includes(kind) || ["Symbol", "Code"].includes(kind) ? [element("code", "", title)] : [title]));
    link.href = `${page}.html${anchor && `#${anchor}`}`;
    const place = where ? `, in ${where}${section && section !== title ? ` › ${section}` : ""}` : "";
    return element("li", "", link, element("p", "where", element("span", "kind", kind), place));
  };
  const show = (results, items = results.map(made), complete = 0) => {
    list.append(...items);
    if (complete) fitted(list);
    // The others' texts are not asked for before these are seen.
    requestAnimationFrame(() => setTimeout(() => {
      for (const [k, item] of items.entries()) {
        if (k < complete) continue;
        waiting.set(item, results[k]);
        near.observe(item);
      }
    }));
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
    if (word.length < 4 || [terms, titleterms].some((groups) => own(groups, stem(word)).length)) return word;
    const known = new Set(pages.flatMap(({ title, places }) => [title, ...places.map(([kind, name]) => (kind === "Code" ? "" : name))]).flatMap(wordsOf));
    const scored = [...known].filter((each) => Math.abs(each.length - word.length) < 3).map((each) => [distance(word, each), each]);
    const [steps, best] = scored.reduce((a, b) => (b[0] < a[0] ? b : a), [3, word]);
    return steps <= (word.length < 6 ? 1 : 2) ? best : word;
  };

  const answer = async () => {
    const results = search();
    const count = results.length;
    const first = results.slice(0, SHOWN);
    const items = first.map(made);
    // As many as the window has room for, as few results are lower; one at its lower edge moves nothing that is seen.
    const room = Math.floor((innerHeight - status.getBoundingClientRect().bottom) / 130);
    const filled = first.slice(0, room).map((result, k) => fill(result, items[k]));
    await Promise.race([Promise.all(filled), new Promise((done) => setTimeout(done, PATIENCE))]);
    status.textContent = count ? `${count === 1 ? "One result" : `${count} results`} for “${query}”` : `Nothing was found for “${query}”.`;
    show(first, items, room);
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

  window.Search = {
    setPlaces: (found) => {
      ({ pages, terms, titleterms } = found);
      for (const { places, code } of pages) {
        const within = code.map(([at, names]) => names.split(" ").map((name) => ["Code", name, ...(places[at] ?? []).slice(1, 3).reverse()]));
        places.push(...within.flat());
      }
      setTimeout(answer); // what a reader does meanwhile goes first
    },
    setSections: (found) => (sections = found),
    setCode: (found) => (code = found),
    setPage: (page, found) => (passages[page] = found),
  };
  field.value = query;
  delete document.documentElement.dataset.query; // from here on it is the script that hides the help
  help.hidden = Boolean(query);
  if (!query) {
    field.focus();
    return;
  }
  document.title = `${query} — ${document.title}`;
  status.textContent = `Looking for “${query}” …`;
  const script = document.createElement("script");
  script.onerror = () => (status.textContent = "The search index did not load. Is the book reachable?");
  script.src = indexFile;
  document.head.append(script);
})();
