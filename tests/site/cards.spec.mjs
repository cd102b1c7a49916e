// The cards' page: search, self-test, and progress that outlives renumbered lessons and a new computer.
import { readFileSync } from "node:fs";

import { expect, test } from "./watch.mjs";

const site = new URL("../../build/site/", import.meta.url).pathname;
const quizzes = () => JSON.parse(readFileSync(`${site}cards.html`, "utf8")
  .match(/<script type="application\/json" id="quizzes">([^]*?)<\/script>/)[1]);
const TOTAL = Object.keys(quizzes()).length;

async function answer(page, isRight) {
  const question = await page.locator("#test .question").textContent();
  const plain = (text) => text.replaceAll("`", "");
  const [id, quiz] = Object.entries(quizzes()).find(([, its]) => plain(its.question) === question);
  const option = quiz.options.find(({ correct }) => (correct === true) === isRight);
  const buttons = page.locator("#test .option");
  const texts = await buttons.allTextContents();
  await buttons.nth(texts.indexOf(plain(option.text))).click();
  await expect(page.locator("#test-verdict")).toContainText(isRight ? "Right." : "comes again");
  await page.locator("#test-next").click();
  return id;
}

const readProgress = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("nlp-in-keras-cards")).cards);

test("all cards are there, and are found by word, topic and level", async ({ page }) => {
  await page.goto("cards.html");
  expect(TOTAL).toBe(85);
  await expect(page.locator("details.theory:visible")).toHaveCount(TOTAL);
  await page.fill("#card-search", "softmax weights");
  const found = await page.locator("details.theory:visible").count();
  expect(found).toBeGreaterThan(0);
  expect(found).toBeLessThan(20);
  await page.fill("#card-search", "");
  await page.selectOption("#card-topic", "The Transformer");
  const ids = await page.locator("details.theory:visible").evaluateAll((all) => all.map((c) => c.dataset.id));
  expect(ids.length).toBeGreaterThan(10);
  expect(ids.every((id) => id.startsWith("B"))).toBe(true);
  await expect(page.locator("h2:visible", { hasText: "Training language models" })).toHaveCount(0);
  const card = page.locator("details.theory:visible").first();
  await expect(card.locator("p").first()).not.toBeVisible();
  await card.locator("summary").click();
  await expect(card.locator("p").first()).toBeVisible();
});

test("ten questions, one answered wrong, which comes again; progress stays", async ({ page }) => {
  await page.goto("cards.html");
  await page.locator("#test-start").click();
  await expect(page.locator("#test-count")).toHaveText("1 of 10");
  const wrong = await answer(page, false);
  expect((await readProgress(page))[wrong]).toBe("wrong");
  await expect(page.locator("#test-count")).toHaveText("1 of 10");
  const asked = [];
  for (let i = 0; i < 10; i++) {
    asked.push(await answer(page, true));
    if (i === 1) await expect(page.locator("#test-count")).toHaveText("3 of 10");
  }
  expect(asked.indexOf(wrong)).toBe(3); // after three others
  await expect(page.locator("#test")).toContainText("10 of 10");
  await page.reload();
  await expect(page.locator("#card-count")).toContainText(`10 of ${TOTAL} known`);
  await page.selectOption("#card-state", "known");
  await expect(page.locator("details.theory:visible")).toHaveCount(10);
});

test("progress is saved as a file and loaded elsewhere; a wrong file changes nothing", async ({ page }) => {
  await page.goto("cards.html");
  await page.evaluate(() => localStorage.setItem("nlp-in-keras-cards", '{"cards": {"A01": "known", "F08": "wrong"}}'));
  await page.reload();
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#progress-export").click()]);
  const saved = readFileSync(await download.path(), "utf8");
  page.on("dialog", (dialog) => dialog.accept());
  await page.locator("#progress-clear").click();
  await expect(page.locator("#card-count")).toContainText("0 of");
  const give = (text) => page.setInputFiles("#progress-file", { name: "p.json", mimeType: "application/json", buffer: Buffer.from(text) });
  for (const bad of ["", "[1]", '{"cards": {"<img src=x onerror=alert(1)>": "known"}}', '{"cards": {"A01": "x"}}',
    '{"cards": {"__proto__": "known"}}', `{"cards": {}, "more": "${"x".repeat(2e5)}"}`]) {
    await page.evaluate(() => { document.getElementById("card-message").textContent = ""; });
    await give(bad);
    await expect(page.locator("#card-message")).toContainText("holds no progress");
  }
  expect(await readProgress(page)).toEqual({});
  await give(saved);
  await expect(page.locator("#card-message")).toContainText("2 cards");
  expect(await readProgress(page)).toEqual({ A01: "known", F08: "wrong" });
});

// Renumbered: every lesson has another number, topics other names, cards another order, some are gone.
test("renumbering lessons loses nothing", async ({ page }, { project }) => {
  test.skip(project.name !== "server", "the page is changed on its way from the server");
  await page.goto("cards.html");
  await page.locator("#test-start").click();
  const known = await answer(page, true);
  const wrong = await answer(page, false);
  const before = await readProgress(page);
  expect(before).toEqual({ [known]: "known", [wrong]: "wrong" });
  await page.route("**/cards.html", async (route) => {
    let body = await (await route.fetch()).text();
    body = body.replace(/notebooks\/(\d\d)_/g, (_, n) => `notebooks/${+n + 20}_`);
    const cards = body.match(/<details class="theory"[^]*?<\/details>/g);
    const kept = [...cards].reverse().filter((card) => !card.includes(`data-id="${wrong}"`));
    body = body.replace(/<details class="theory"[^]*?<\/details>/g, () => kept.pop() ?? "");
    body = body.replaceAll("data-topic=", 'data-topic="Other" data-old=');
    await route.fulfill({ body, contentType: "text/html" });
  });
  await page.reload();
  await expect(page.locator("details.theory")).toHaveCount(TOTAL - 1);
  await expect(page.locator(`details.theory[data-id=${known}]`)).toHaveAttribute("data-state", "known");
  await page.locator("#test-start").click(); // it keeps what the page does not know
  await answer(page, true);
  expect(await readProgress(page)).toMatchObject(before);
  await page.unroute("**/cards.html");
  await page.reload();
  await expect(page.locator(`details.theory[data-id=${wrong}]`)).toHaveAttribute("data-state", "wrong");
});
