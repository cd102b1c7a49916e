// The live models in a browser, against what Keras and the `tokenizers` library say (build/live).
import { readFileSync } from "node:fs";

import { expect, test } from "@playwright/test";

const BUILD = process.env.LIVE_BUILD ?? "build/live";
const readExpected = (name) => JSON.parse(readFileSync(`${BUILD}/${name}.expected.json`, "utf8"));
const ODD = {
  empty: "",
  huge: "a fine film ".repeat(20_000),
  emoji: "🙂👩‍👩‍👧 film",
  "right to left": "שלום עולם مرحبا",
  "script tag": "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>",
};
const difference = (a, b) => Math.max(...a.map((x, i) => Math.abs(x - b[i])));

// Fails a test in which a page complains, or asks another host for anything.
let complaints, requests;
test.beforeEach(({ page, baseURL }) => {
  [complaints, requests] = [[], []];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => {
    const url = request.url();
    requests.push(url);
    if (!url.startsWith(baseURL) && !/^(blob|data):/.test(url)) complaints.push(url);
  });
});
test.afterEach(() => expect(complaints).toEqual([]));

const packed = () => requests.filter((url) => url.includes(".packed.js")).map((url) => url.split("/").pop());
const demo = (page) => page.locator("[data-live]");
const ready = (page) => expect(demo(page)).toHaveAttribute("data-state", "ready", { timeout: 60_000 });

for (const [name, loaded] of Object.entries({
  sentiment: ["runtime.packed.js", "sentiment.packed.js"],
})) {
  test(`${name}: nothing is loaded before the first click; keys suffice`, async ({ page }) => {
    await page.goto(`live/${name}.html`);
    await page.waitForTimeout(500);
    expect(packed()).toEqual([]);
    await expect(demo(page)).toContainText("stays in this browser");
    const button = page.locator("[data-live] button").first();
    await button.focus();
    await page.keyboard.press("Enter");
    await ready(page);
    expect(packed().sort()).toEqual(loaded);
    for (const field of await page.locator("[data-live] :is(textarea, input, select, meter)").all()) {
      await expect(field).toHaveAccessibleName(/./);
    }
  });
}

for (const name of ["sentiment"]) {
  test(`${name}: without WebAssembly a sentence points to the stored example`, async ({ page }) => {
    await page.addInitScript(() => delete globalThis.WebAssembly);
    await page.goto(`live/${name}.html`);
    await expect(page.locator("[data-live] output").first()).toContainText("no WebAssembly");
    await expect(page.locator("table").last()).toBeVisible();
    expect(packed()).toEqual([]);
  });

  for (const [kind, text] of Object.entries(ODD)) {
    test(`${name}: survives ${kind} input`, async ({ page }) => {
      await page.goto(`live/${name}.html`);
      await page.locator("textarea").fill(text);
      await ready(page);
      await page.locator("textarea").fill(`${text}!`);
      await page.waitForTimeout(300);
      await expect(page.locator("[data-live] output").first()).not.toContainText("does not work");
      expect(await page.evaluate(() => window.hacked)).toBeUndefined();
      expect(await page.locator("[data-live] :is(script, img)").count()).toBe(0);
    });
  }
}

test("sentiment: tokens and probabilities are those of Keras, on 200 texts", async ({ page }) => {
  await page.goto("live/sentiment.html");
  await page.locator("textarea").fill("A dull and lifeless bore.");
  await ready(page);
  const { texts, token_ids, probabilities } = readExpected("sentiment");
  const found = await page.evaluate(async (texts) => {
    const { model } = document.querySelector("[data-live]");
    const lists = texts.map(model.cut);
    return [lists.map(model.encode), (await model.score(lists)).map((row) => row[1])];
  }, texts);
  expect(texts.length).toBe(200);
  expect(found[0]).toEqual(token_ids);
  expect(difference(found[1], probabilities)).toBeLessThan(1e-4);
  console.log("sentiment: largest difference", difference(found[1], probabilities));
});

test("sentiment: a word is judged by leaving it out; the stored answers hold", async ({ page }) => {
  await page.goto("live/sentiment.html");
  await page.locator("textarea").fill("It is not good.");
  await ready(page);
  const rows = page.locator("[data-live] tbody tr");
  await expect(rows).toHaveCount(5);
  const [whole, moves, without] = await page.evaluate(async () => {
    const { explain } = document.querySelector("[data-live]");
    const { probability, moves } = await explain("It is not good.");
    return [probability, moves, (await explain("It is good.")).probability];
  });
  expect(Math.abs(whole - without - moves[2])).toBeLessThan(1e-6);
  expect(moves[2]).toBeLessThan(-0.1); // "not"
  const stored = await page.locator("#stored-answers tbody tr").all();
  expect(stored.length).toBeGreaterThan(3);
  for (const row of stored) {
    const [text, answer] = await row.locator("td").allTextContents();
    await page.locator("textarea").fill(text);
    await expect(page.locator("output")).toHaveText(`${answer} praise`);
  }
});
