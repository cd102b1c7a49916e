// The live models in a browser, against what Keras and the `tokenizers` library say (build/live).
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { gzipSync } from "node:zlib";

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
let complaints, requests, responses;
test.beforeEach(({ page, baseURL }) => {
  [complaints, requests, responses] = [[], [], []];
  page.on("response", (response) => responses.push(response));
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
const PAGES = { start: "index", sentiment: "live/sentiment", next_token: "live/next_token", tokenizer: "live/tokenizer", translation: "live/translation" };
const demo = (page) => page.locator("[data-live]");
const ready = (page) => expect(demo(page)).toHaveAttribute("data-state", "ready", { timeout: 60_000 });

for (const [name, megabytes, loaded] of [
  ["start", 10, ["runtime.packed.js", "sentiment.packed.js"]],
  ["sentiment", 10, ["runtime.packed.js", "sentiment.packed.js"]],
  ["translation", 14, ["runtime.packed.js", "translation.packed.js"]],
  ["next_token", 20, ["gpt2.packed.js", "runtime.packed.js"]],
  ["tokenizer", 10, ["tokenizers.packed.js"]],
]) {
  test(`${name}: nothing is loaded before the first click; keys suffice`, async ({ page }) => {
    await page.goto(`${PAGES[name]}.html`);
    await page.waitForTimeout(500);
    expect(packed()).toEqual([]);
    await expect(demo(page)).toContainText("stays in this browser");
    const promised = (await demo(page).locator("output").textContent()).match(/loads ([\d.]+) MB/)[1];
    const button = page.locator("[data-live] button").first();
    await button.focus();
    await page.keyboard.press("Enter");
    await ready(page);
    expect(packed().sort()).toEqual(loaded);
    if (responses.length && responses[0].url().startsWith("http")) {
      const sizes = responses.filter((each) => each.url().startsWith("http")).map((each) => each.body());
      const total = (await Promise.all(sizes)).reduce((sum, body) => sum + body.length, 0) / 1e6;
      console.log(name, "first answer with runtime and page:", total.toFixed(2), "MB");
      const scripts = responses.filter((each) => each.url().includes(".packed.js")).map((each) => each.body());
      const loads = (await Promise.all(scripts)).reduce((sum, body) => sum + body.length, 0) / 1e6;
      expect(Math.abs(loads - promised), `${loads} MB`).toBeLessThan(0.6);
      expect(total).toBeGreaterThan(1);
      expect(total).toBeLessThan(megabytes);
    }
    for (const field of await page.locator("[data-live] :is(textarea, input, select, meter)").all()) {
      await expect(field).toHaveAccessibleName(/./);
    }
  });
}

for (const name of ["index", "live/sentiment", "live/next_token", "live/translation", "live/your_model"]) {
  test(`${name}: without WebAssembly a sentence points to the stored example`, async ({ page }) => {
    await page.addInitScript(() => delete globalThis.WebAssembly);
    await page.goto(`${name}.html`);
    await expect(page.locator("[data-live] output").first()).toContainText("no WebAssembly");
    const stored = name === "index" ? ".start-live > :last-child table" : "table";
    await expect(page.locator(stored).last()).toBeVisible();
    expect(packed()).toEqual([]);
  });
}

for (const name of ["sentiment", "next_token", "tokenizer", "translation"]) {
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
  const odds = (p) => p / (1 - p);
  expect(Math.abs(Math.exp(moves[2]) - odds(whole) / odds(without))).toBeLessThan(1e-4);
  expect(moves[2]).toBeLessThan(-1); // "not"
  const colours = await page.evaluate(async () => (await document.querySelector("[data-live]").explain("A warm, funny and clever film.")).moves);
  expect(Math.max(...colours)).toBeGreaterThan(0.2); // also where the network is sure
  expect(await page.evaluate(async () => Math.min(...(await document.querySelector("[data-live]").explain("A warm, funny and clever film.")).without))).toBeGreaterThan(0.99);
  const stored = await page.locator("#stored-answers tbody tr").all();
  expect(stored.length).toBeGreaterThan(3);
  for (const row of stored) {
    const [text, answer] = await row.locator("td").allTextContents();
    await page.locator("textarea").fill(text);
    await expect(page.locator("output")).toHaveText(`${answer} praise`);
  }
});

test("the start page judges as the page of the model does", async ({ page }) => {
  await page.goto("index.html");
  await page.getByRole("button", { name: "Judge this sentence" }).click();
  await ready(page);
  const stored = page.locator(".start-live > :last-child td");
  await expect(page.locator("[data-live] output")).toHaveText(`${await stored.nth(1).textContent()} praise`);
  await expect(page.locator("textarea")).toHaveValue(await stored.nth(0).textContent());
});

test("translation: ids, words, scores and attention are those of Keras, on 200 texts", async ({ page }) => {
  await page.goto("live/translation.html");
  await page.locator("textarea").fill("She sleeps.");
  await ready(page);
  const { texts, token_ids, written, logits, weights } = readExpected("translation");
  const found = await page.evaluate(async (texts) => {
    const { look, model } = document.querySelector("[data-live]");
    const found = [];
    for (const text of texts) {
      const { tokens, ids, weights, outputs } = await look(text);
      const [last] = outputs;
      found.push({ token_ids: model.encode(tokens), ids, weights, logits: last ? Array.from(last.data.slice(-last.dims[2])) : [] });
    }
    return found;
  }, texts);
  expect(texts.length).toBe(200);
  let [largest, count] = [0, 0];
  found.forEach((each, i) => {
    expect(each.token_ids).toEqual(token_ids[i]);
    if (!token_ids[i].length) return;
    expect(each.ids).toEqual(written[i]);
    largest = Math.max(largest, difference(each.logits, logits[i]), difference(each.weights.flat(), weights[i].flat()));
    expect(each.weights.flat().length).toBe(weights[i].flat().length);
    count += 1;
  });
  expect(count).toBeGreaterThan(190);
  expect(largest).toBeLessThan(1e-4);
  console.log("translation: largest difference of a score or a weight", largest);
});

test("translation: lines, tables and stored answers; words it has never seen are named", async ({ page }) => {
  await page.goto("live/translation.html");
  await page.getByRole("button", { name: "Are the actors very polite?" }).click();
  await ready(page);
  const rows = await page.locator("#stored-answers tbody tr").all();
  expect(rows.length).toBe(6);
  for (const row of rows) {
    const [english, french] = await row.locator("td").allTextContents();
    await page.locator("textarea").fill(english);
    await expect(page.locator("output")).toHaveText(french.replaceAll("’", "'")); // set by Sphinx
  }
  await expect(page.locator(".live-note")).toContainText("has never seen dragon, homework");
  await page.getByRole("button", { name: "He didn't miss the plane." }).click();
  await expect(page.locator(".live-note")).toBeEmpty();
  const size = await page.locator("[data-live] details tbody tr").count();
  expect(await page.locator(".live-lines text").count()).toBe(size + 6);
  expect(await page.locator(".live-lines line").count()).toBeGreaterThan(size - 1);
  await page.locator("[data-live] summary").click();
  const shares = await page.locator("[data-live] details tbody tr").first().locator("td").allTextContents();
  expect(Math.abs(shares.reduce((sum, each) => sum + parseFloat(each), 0) - 100)).toBeLessThan(0.5);
});

test("next token: ids and scores are those of Keras, on 200 texts; read at once or one by one", async ({ page }) => {
  await page.goto("live/next_token.html");
  await page.locator("textarea").fill("KING:");
  await ready(page);
  const { texts, token_ids, logits } = readExpected("gpt2");
  const [ids, found, back, single] = await page.evaluate(async (texts) => {
    const { step, read, tokenizer } = document.querySelector("[data-live]");
    const [ids, found] = [texts.map(tokenizer.encode), []];
    for (const text of texts) found.push(Array.from((await step(read(text))).logits));
    let state = {};
    for (const id of ids[0]) state = await step([id], state.past);
    return [ids, found, ids.map(tokenizer.decode), Array.from(state.logits)];
  }, texts);
  expect(texts.length).toBe(200);
  expect(ids).toEqual(token_ids);
  expect(back).toEqual(texts);
  const largest = Math.max(...found.map((row, i) => difference(row, logits[i])));
  expect(largest).toBeLessThan(1e-4);
  expect(difference(single, logits[0])).toBeLessThan(1e-4);
  console.log("next token: largest difference of a logit", largest);
});

test("next token: settings keep what filter_logits keeps", async ({ page }) => {
  await page.goto("live/next_token.html");
  await page.locator("textarea").fill("KING:");
  await ready(page);
  const { settings, scores, filtered } = readExpected("gpt2");
  const found = await page.evaluate(
    ([settings, scores]) => settings.map((each) => document.querySelector("[data-live]").filter(scores, ...each)),
    [settings, scores],
  );
  found.forEach((row, i) => {
    expect(row.map((p) => p > 0)).toEqual(filtered[i].map((p) => p > 0));
    expect(difference(row, filtered[i])).toBeLessThan(1e-5);
  });
});

test("next token: it writes, stops, goes past its context; attention rows add up to 1", async ({ page }) => {
  await page.goto("live/next_token.html");
  await page.getByRole("button", { name: "Next token" }).click();
  await ready(page);
  const written = page.locator(".live-written");
  await expect(written).not.toBeEmpty();
  const sums = await page.evaluate(async () => {
    const { step, read } = document.querySelector("[data-live]");
    const { data, dims } = (await step(read("To be, or not to be"))).attention;
    const rows = Array.from({ length: data.length / dims[3] }, (_, i) => data.slice(i * dims[3], (i + 1) * dims[3]));
    return [dims, rows.map((row) => row.reduce((a, b) => a + b)), data[1]];
  });
  expect(sums[0].slice(0, 2)).toEqual([4, 4]);
  expect(difference(sums[1], sums[1].map(() => 1))).toBeLessThan(1e-5);
  expect(sums[2]).toBe(0); // the first token does not see the second
  await page.getByRole("button", { name: "Write 40 tokens" }).click();
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByRole("button", { name: "Write 40 tokens" })).toBeVisible();
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(written).toBeEmpty();
  const long = await page.evaluate(async () => {
    const { write } = document.querySelector("[data-live]");
    const best = (p) => p.indexOf(Math.max(...p));
    return (await write("word ".repeat(300), 20, () => true, best)).length;
  });
  expect(long).toBe(276);
  const rows = await page.locator("#stored-answers tbody tr").all();
  await page.locator("textarea").fill("ROMEO:\nMy love");
  for (const [i, row] of rows.entries()) {
    const p = await row.locator("td").last().textContent();
    await expect(page.locator("[data-live] table").first().locator("tbody tr").nth(i).locator("td").first()).toHaveText(p);
  }
  expect(rows.length).toBe(5);
});

test("tokenizer: ids are those of the tokenizers library, on 200 texts", async ({ page }) => {
  await page.goto("live/tokenizer.html");
  await page.locator("textarea").fill("x");
  await ready(page);
  const { texts, ...expected } = readExpected("tokenizers");
  const found = await page.evaluate((texts) => {
    const { tokenizers } = document.querySelector("[data-live]");
    return Object.fromEntries(Object.entries(tokenizers).map(([name, each]) => [name, texts.map(each.encode)]));
  }, texts);
  expect(texts.length).toBe(200);
  expect(found).toEqual(expected);
  const rows = await page.locator("#stored-example tbody tr").all();
  for (const row of rows) {
    const [text, method, tokens, count] = await row.locator("td").allTextContents();
    await page.locator("textarea").fill(text);
    const panel = page.locator(`[data-tokenizer=${method.toLowerCase()}]`);
    await expect(panel).toContainText(`${count} tokens`);
    expect((await panel.locator("span").allTextContents()).join(" ")).toBe(tokens);
  }
  expect(rows.length).toBe(6);
});

const opened = (page) => page.locator("[data-live] output");
const drop = async (page, name) => {
  const data = readFileSync(`${BUILD}/packs/${name}.zip`).toString("base64");
  const file = await page.evaluateHandle((data) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "model.zip"));
    return transfer;
  }, data);
  await page.locator(".live-drop").dispatchEvent("drop", { dataTransfer: file });
};

test("your model: nothing is loaded before a file is chosen; what opens answers as Python does", async ({ page }) => {
  test.setTimeout(240_000);
  await page.goto("live/your_model.html");
  expect(packed()).toEqual([]);
  await expect(page.getByLabel("The .zip of your model")).toBeVisible();
  const { texts, answers } = JSON.parse(readFileSync(`${BUILD}/packs/models.expected.json`, "utf8"));
  expect(Object.keys(answers).length).toBeGreaterThan(4);
  for (const [name, expected] of Object.entries(answers)) {
    if (name === "cnn") await drop(page, name);
    else await page.locator("input[type=file]").setInputFiles(`${BUILD}/packs/${name}.zip`);
    await expect(opened(page)).toContainText("Opened: ", { timeout: 30_000 });
    const translator = typeof expected[0] === "string";
    const found = await page.evaluate(async ([texts, translator]) => {
      const model = document.querySelector("[data-live]").getModel();
      if (!translator) return model.score(texts.map(model.cut));
      const written = [];
      for (const text of texts) written.push(await model.translate(text));
      return written;
    }, [texts, translator]);
    if (translator) expect(found).toEqual(expected);
    else expected.forEach((row, i) => expect(difference(found[i], Object.values(row))).toBeLessThan(1e-4));
    await page.locator("textarea").fill(texts[0]);
    await expect(page.locator(".live-result")).not.toBeEmpty();
    for (const text of Object.values(ODD)) await page.locator("textarea").fill(text);
    await expect(page.locator(".live-result")).not.toContainText("does not answer");
  }
  expect(await page.evaluate(() => window.hacked)).toBeUndefined(); // a label is HTML
});

const REFUSED = {
  "no-onnx": "make onnx MODEL=folder",
  gpt2: 'of the kind "gpt2"',
  kind: "of the kind",
  path: "leads out of its folder",
  changed: "vocabulary.txt was changed",
  "other-labels": "3 labels and 1 outputs",
  "no-card": "no card.json",
  "bad-card": "card.json cannot be read",
  tokens: "other tokens than the model",
  "bad-onnx": "ONNX Runtime cannot open",
  cut: "broken",
  text: "broken",
  empty: "broken",
  damaged: "broken",
  bomb: "more than 200 MB",
  "lying-bomb": "broken",
};
test("your model: broken and hostile files get a sentence, and a good one opens after them", async ({ page }) => {
  test.setTimeout(240_000);
  await page.goto("live/your_model.html");
  for (const [name, sentence] of Object.entries(REFUSED)) {
    await page.locator("input[type=file]").setInputFiles(`${BUILD}/packs/${name}.zip`);
    await expect(opened(page)).toContainText(sentence, { timeout: 30_000 });
    await expect(page.locator("textarea")).toBeHidden();
  }
  expect(await page.evaluate(() => window.hacked)).toBeUndefined();
  await drop(page, "cnn");
  await expect(opened(page)).toContainText("Opened");
});

// With LIVE_MEASURE=1: five fresh pages of each, their medians for the tables of the pages.
test("measure", async ({ browser, baseURL }, { project }) => {
  test.skip(!process.env.LIVE_MEASURE || project.name !== "server", "LIVE_MEASURE=1 measures");
  test.setTimeout(600_000);
  const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
  const [cpu] = cpus();
  const rows = { browser: `Chromium ${browser.version()}`, machine: `${cpus().length} cores of ${cpu.model.trim()} that had other work (load ${loadavg()[0].toFixed(0)})`, date: new Date().toISOString().slice(0, 10) };
  const script = "build/site/_static/live/gpt2.packed.js";
  const int8 = () => {
    const model = gzipSync(readFileSync(`${BUILD}/gpt2.int8.onnx`)).toString("base64");
    return readFileSync(script, "utf8").replace(/("model.onnx": ")[^"]*/, (_, start) => start + model);
  };
  for (const name of ["sentiment", "tokenizer", "translation", "next_token", "next_token_int8"]) {
    const found = [];
    for (let n = 0; n < 5; n++) {
      const context = await browser.newContext({ baseURL });
      const fresh = await context.newPage();
      if (name.endsWith("int8")) await fresh.route("**/gpt2.packed.js", (route) => route.fulfill({ body: int8() }));
      await fresh.goto(`live/${name.replace("_int8", "")}.html`);
      found.push(await fresh.evaluate(async () => {
        const root = document.querySelector("[data-live]");
        const output = root.querySelector("output");
        const time = async (work) => {
          const begin = performance.now();
          await work();
          return performance.now() - begin;
        };
        const load = await time(async () => {
          root.querySelector("textarea").dispatchEvent(new Event("input", { bubbles: true }));
          while (root.dataset.state !== "ready" || /Loading|^Click/.test(output.textContent))
            await new Promise((resolve) => setTimeout(resolve, 5));
        });
        if (root.write) {
          const best = (p) => p.indexOf(Math.max(...p));
          return { load: load / 1000, rate: 100_000 / (await time(() => root.write("ROMEO:", 100, () => true, best))) };
        }
        const ask = root.explain ?? root.look;
        return { load: load / 1000, ...(ask && { answer: await time(() => ask(root.querySelector("textarea").value)) }) };
      }));
      await context.close();
    }
    const keys = Object.keys(found[0]);
    rows[name] = Object.fromEntries(keys.map((key) => [key, median(found.map((each) => each[key]))]));
    rows[name].runs = Object.fromEntries(keys.map((key) => [key, found.map((each) => each[key])]));
  }
  writeFileSync("site/live/measured.json", `${JSON.stringify(rows, null, 1)}\n`);
});
