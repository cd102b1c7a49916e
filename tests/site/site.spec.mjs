// What the site promises: no errors, no requests to other hosts, links that hold, accessible pages, a
// search that finds. Each test runs from a server and from files, unless it says otherwise.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

import AxeBuilder from "@axe-core/playwright";

import { expect, test } from "./watch.mjs";

const site = new URL("../../build/site/", import.meta.url).pathname;
const PAGES = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(".html")).sort();
const KINDS = ["index.html", "lessons.html", "notebooks/10_tokens.html",
  "notebooks/solutions/10_tokens.html", "cards.html", "glossary.html", "results.html", "data/README.html",
  "reference/utils.metrics.html", "notices.html", "search.html?q=padding", "broken_elsewhere.html",
  ...PAGES.filter((name) => name.startsWith("live"))].filter((name) => existsSync(site + name.split("?")[0]));

test("every page loads without an error", async ({ page }) => {
  test.setTimeout(400_000);
  expect(PAGES.length).toBeGreaterThan(60);
  for (const name of PAGES) {
    await page.goto(name);
    await expect(page.locator("h1").first(), name).toBeVisible();
  }
});

for (const colorScheme of ["light", "dark"]) {
  for (const name of KINDS) {
    test(`${name} is accessible, ${colorScheme}`, async ({ page }, { project }) => {
      test.skip(project.name !== "server", "the pages are the same");
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.goto(name);
      if (name === "cards.html") await page.locator("#test-start").click();
      // preload: axe would fetch style sheets, which fails for @import
      const axe = new AxeBuilder({ page }).options({ preload: false }).exclude("mjx-container");
      const { violations, passes } = await axe.analyze();
      const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
      const count = (found) => `${found.length} rules, ${found.flatMap(({ nodes }) => nodes).length} nodes`;
      console.log(`  axe: passed ${count(passes)}; violated ${count(violations)}`);
      expect(bad.map(({ id, nodes }) => `${id}: ${nodes[0].target} ${nodes[0].failureSummary}`)).toEqual([]);
    });
  }
}

test("links and anchors hold", async ({}, { project }) => {
  test.skip(project.name !== "files", "the pages are the same");
  const texts = new Map(PAGES.map((name) => [name, readFileSync(site + name, "utf8")]));
  const ids = new Map([...texts].map(([name, text]) =>
    [name, new Set([...text.matchAll(/\s(?:id|name)="([^"]+)"/g)].map((match) => match[1]))]));
  const dead = [];
  let count = 0;
  for (const [name, text] of texts) {
    const body = text.replace(/<script[^>]*>[^]*?<\/script>/g, "");
    const all = [...body.matchAll(/\s(?:href|src)="([^"]*)"/g), ...text.matchAll(/<script[^>]*\ssrc="([^"]*)"/g)];
    for (const [, link] of all) {
      if (/^[a-z]+:/i.test(link)) continue;
      count += 1;
      const [path, anchor] = link.replace(/&amp;/g, "&").split("#").map(decodeURIComponent);
      const file = path ? normalize(join(dirname(name), path.split("?")[0])) : name;
      if (!existsSync(site + file)) dead.push(`${name}: ${link}`);
      else if (anchor && ids.has(file) && !ids.get(file).has(anchor)) dead.push(`${name}: ${link}, no anchor`);
    }
  }
  expect(count).toBeGreaterThan(2000);
  expect(dead).toEqual([]);
});

test("no page and no download quotes a text that may not be published", async ({}, { project }) => {
  test.skip(project.name !== "files", "the pages are the same");
  const LEAST = 6; // words of a text
  const split = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const texts = JSON.parse(readFileSync(`${site}../live/unquotable.json`, "utf8"));
  const starts = new Map();
  for (const words of texts.map(split).filter((words) => words.length >= LEAST)) {
    const start = words.slice(0, LEAST).join(" ");
    starts.set(start, [...(starts.get(start) ?? []), words.join(" ")]);
  }
  expect(starts.size).toBeGreaterThan(9000);
  const unescape = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#x27;": "'", "\\n": " ", '\\"': '"' };
  const find = (text) => {
    const words = split(text.replace(/&(?:amp|lt|gt|quot|#39|#x27);|\\n|\\"/g, (code) => unescape[code]));
    return words.flatMap((_, i) => {
      const known = starts.get(words.slice(i, i + LEAST).join(" ")) ?? [];
      return known.filter((whole) => `${words.slice(i, i + 120).join(" ")} `.startsWith(`${whole} `));
    });
  };
  expect(find(`x ${texts[0]} y`).length).toBe(1);
  const files = readdirSync(site, { recursive: true }).filter((name) => /\.(html|ipynb)$/.test(name));
  expect(files.filter((name) => name.endsWith(".ipynb")).length).toBeGreaterThan(20);
  for (const name of files) {
    const text = readFileSync(site + name, "utf8");
    expect([text, text.replace(/<[^>]*>/g, ""), text.replace(/<[^>]*>/g, " ")].flatMap(find), name).toEqual([]);
  }
  expect(readFileSync(`${site}notebooks/01_lstm_text_classification.html`, "utf8")).toContain("blame: […]");
});

test("pages are as wide as the screen, from 320 px to 4K", async ({ page }, { project }) => {
  test.skip(project.name !== "files", "the pages are the same");
  for (const width of [320, 768, 3840]) {
    await page.setViewportSize({ width, height: 800 });
    for (const name of KINDS) {
      await page.goto(name.split("?")[0]);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide, `${name} at ${width} px`).toBeLessThanOrEqual(width);
    }
  }
});

test("formulas are set, outputs and alt texts are there", async ({ page }) => {
  await page.goto("notebooks/08_attention_seq2seq.html");
  await expect(page.locator("mjx-container svg").first()).toBeVisible({ timeout: 30_000 });
  await expect(page.locator("mjx-merror")).toHaveCount(0);
  await expect(page.locator(".cell_output img").first()).toBeVisible();
  const alts = await page.locator(".cell_output img").evaluateAll((all) => all.map((image) => image.alt));
  expect(alts.length).toBeGreaterThan(2);
  expect(alts.every((alt) => alt.length >= 10)).toBe(true);
});

test("a term leads to the glossary, and from there to its lesson", async ({ page }) => {
  await page.goto("notebooks/05_seq2seq_translation.html");
  await page.locator("a.term[href$='#term-padding']").click();
  await expect(page).toHaveURL(/glossary\.html#term-padding$/);
  await expect(page.locator("dt:has(#term-padding)")).toBeInViewport();
  await page.locator("dt:has(#term-padding) + dd a").click();
  await expect(page.locator("h1")).toContainText("01");
});

test("the map leads to the lessons", async ({ page }) => {
  await page.goto("index.html");
  await page.locator(".course-map a[aria-label^='12']").click();
  await expect(page.locator("h1")).toContainText("12 · BERT");
});
