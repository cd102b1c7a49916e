// The search shows excerpts, which it fetches; a page that is opened as a file may not fetch.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Sphinx finds the pages that have every word. Who types a whole question gets the pages that have
// most of its words, if none has all of them.
window.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const searchAll = Search.performTermsSearch;
  Search.performTermsSearch = (words, excluded) => {
    const found = searchAll(words, excluded);
    if (found.length || words.size < 3) return found;
    const pages = new Map();
    for (const word of words) {
      for (const item of searchAll(new Set([word]), excluded)) {
        const [page, , , , score] = item;
        const known = pages.get(page) ?? { item, hits: 0, score: 0 };
        pages.set(page, { item, hits: known.hits + 1, score: known.score + score });
      }
    }
    const enough = Math.max(2, Math.ceil(words.size / 2));
    return [...pages.values()].filter((page) => page.hits >= enough)
      .map(({ item, hits, score }) => item.with(4, 100 * hits + score));
  };
});
