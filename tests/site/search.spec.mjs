// Questions that people ask in issue threads of other courses and libraries find a page of ours that
// answers them, among the first five. `page`: one of these, besides "Broken elsewhere"; none: only that
// page answers. `elsewhere`: the thread.
import { existsSync } from "node:fs";

import { expect, test } from "./watch.mjs";

const site = new URL("../../build/site/", import.meta.url).pathname;
const BROKEN = existsSync(`${site}broken_elsewhere.html`) ? ["broken_elsewhere.html"] : [];
const QUESTIONS = [
  { ask: "LSTM accuracy stays at 0.50, padding not masked", page: ["notebooks/01_"], elsewhere: "keras-io#2044" },
  { ask: "LSTM layer doesn't learn with TextVectorization output", page: [], elsewhere: "keras#20898" },
  { ask: "seq2seq gives the same output no matter the input", page: ["notebooks/05_", "notebooks/08_"], elsewhere: "keras-io#1906" },
  { ask: "accuracy counts padding, masked accuracy", page: ["notebooks/05_", "notebooks/01_"], elsewhere: "keras#13266" },
  { ask: "translation with attention in Keras 3 accuracy 10 %", page: ["notebooks/08_", "notebooks/05_"], elsewhere: "handson-ml3#163" },
  { ask: "TFAutoModel transformers 5 without PyTorch", page: [], elsewhere: "transformers#38758" },
  { ask: "expected validation loss, is my result right? seed range", page: ["results.html", "notebooks/01_", "notebooks/02_"], elsewhere: "nanoGPT#234" },
  { ask: "answers to the exercises, how do I check my solution", page: ["notebooks/solutions/", "solutions.html", "notebooks/00_"], elsewhere: "handson-ml3#114" },
  { ask: "run without GPU on a laptop CPU, how many minutes", page: ["index.html", "lessons.html", "notebooks/00_", "TEACHING"], elsewhere: "keras#20902" },
  { ask: "use the course offline in a classroom, download size", page: ["TEACHING.html", "docs/setup.html"], elsewhere: "ai-agents-for-beginners#363" },
];

for (const { ask, page: wanted, elsewhere } of QUESTIONS) {
  test(`search: ${ask} (${elsewhere})`, async ({ page }) => {
    test.skip(!wanted.length && !BROKEN.length, "this site has no page on it");
    await page.goto(`search.html?q=${encodeURIComponent(ask)}`);
    const links = page.locator("ul.search > li > a");
    await expect(links.first()).toBeVisible({ timeout: 20_000 });
    const found = (await links.evaluateAll((all) => all.map((a) => a.href))).slice(0, 5);
    const good = found.some((link) => [...wanted, ...BROKEN].some((name) => link.includes(name)));
    expect(good, `first five: ${found.join(", ")}`).toBe(true);
  });
}

test("search finds words of text and code", async ({ page }) => {
  for (const word of ["calibration", "SpatialDropout1D"]) {
    await page.goto(`search.html?q=${word}`);
    await expect(page.locator("ul.search > li").first()).toBeVisible();
  }
});
