// What every page runs: the search for whole questions, names for buttons that have none.

// The search shows excerpts, which it fetches; a page that is opened as a file may not fetch.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Sphinx finds the pages that have every word. Who types a whole question also gets the pages that
// have some of its words, after the others; a word that few pages have counts more.
function searchForSome(searchAll) {
  return (words, excluded) => {
    const found = searchAll(words, excluded);
    if (words.size < 3) return found;
    const pages = new Map();
    for (const word of words) {
      const having = searchAll(new Set([word]), excluded);
      for (const item of having) {
        const [known, score] = pages.get(item[0]) ?? [item, -1000]; // after whole matches
        pages.set(item[0], [known, score + Math.log((1 + Search._index.docnames.length) / having.length)]);
      }
    }
    for (const item of found) pages.delete(item[0]);
    const partly = [...pages.values()].map(([item, score]) => Object.assign([...item], { 4: score }));
    return [...found, ...partly.sort((a, b) => b[4] - a[4]).slice(0, 15)];
  };
}

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search !== "undefined") Search.performTermsSearch = searchForSome(Search.performTermsSearch);
  for (const summary of document.querySelectorAll("nav summary")) { // of the theme: an arrow only
    const link = summary.closest("li")?.querySelector("a");
    if (!summary.textContent.trim()) summary.setAttribute("aria-label", `Pages below ${link?.textContent.trim()}`);
  }
}, { capture: true });
