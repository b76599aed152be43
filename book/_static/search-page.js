// What Sphinx's search needs here: loaded after its script, before its index.
(() => {
  // Words of an earlier search are not marked on this page.
  localStorage.removeItem("sphinx_highlight_terms");
  // A page cannot be fetched from a folder, so results show no excerpts there.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  // An excerpt is prose: without navigation, and with formulas once, not also as their source.
  const htmlToText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const part of page.querySelectorAll("main > nav, main > details, annotation, style")) part.remove();
    return htmlToText(page.documentElement.outerHTML, anchor);
  };
})();
