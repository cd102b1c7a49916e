// The translator of lesson 08 at work, with lines that show which English word each French one read.
"use strict";

live.start("translation", async (root) => {
  const [LONGEST, ROW, LEFT, RIGHT, WIDTH] = [40, 28, 150, 250, 400]; // tokens read; sizes of the picture
  const [input, answer] = [root.querySelector("textarea"), root.querySelector("output")];
  const [nearest, all] = root.querySelectorAll("table");
  const [note, picture] = [root.querySelector(".live-note"), root.querySelector("svg")];
  const model = await liveKept.openKept(await live.loadPacked("translation"));

  // Returns the tokens of a text, what was written, and the attention weights: for each French word a
  // number for each English one.
  async function look(text) {
    const tokens = model.cut(text.slice(0, 20_000)).slice(0, LONGEST);
    const { ids, words, outputs } = await model.decode(tokens);
    const weights = words.map((_, i) => Array.from(outputs[1].data.slice(i * tokens.length, (i + 1) * tokens.length)));
    return { tokens, ids, words, weights, outputs };
  }

  const draw = (tag, attributes, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const place = (row) => ROW * (row + 0.5);
  const short = (word) => (word.length > 17 ? `${word.slice(0, 16)}…` : word);

  function show({ tokens, words, weights }) {
    const strange = tokens.filter((token) => !model.knows(token));
    Object.assign(answer, { textContent: model.join(words), lang: words.length ? "fr" : "en" });
    note.textContent = !tokens.length ? "Type a sentence." : strange.length
      ? `The model has never seen ${strange.slice(0, 20).join(", ")}: do not trust this translation.` : "";
    if (tokens.length === LONGEST) note.textContent += ` Only the first ${LONGEST} words and marks are read.`;
    const column = (list, x, anchor) => list.map((word, i) =>
      draw("text", { x, y: place(i) + 5, "text-anchor": anchor, class: anchor === "end" && !model.knows(word) ? "live-unknown" : "" }, short(word)));
    const lines = weights.flatMap((row, j) => row.flatMap((weight, i) => (weight < 0.02 ? [] :
      [draw("line", { x1: LEFT + 6, y1: place(i), x2: RIGHT - 6, y2: place(j), "stroke-width": 6 * weight, opacity: 0.25 + 0.75 * weight })])));
    picture.setAttribute("viewBox", `0 0 ${WIDTH} ${ROW * Math.max(tokens.length, words.length, 1)}`);
    picture.replaceChildren(...lines, ...column(tokens, LEFT, "end"), ...column(words, RIGHT, "start"));
    const best = weights.map((row) => row.indexOf(Math.max(...row)));
    live.fillRows(nearest, words.map((word, j) => [word, tokens[best[j]], live.percent(weights[j][best[j]])]));
    live.fillHead(all, ["", ...tokens]);
    live.fillRows(all, words.map((word, j) => [word, ...weights[j].map(live.percent)]));
  }

  Object.assign(root, { look, model }); // for the tests
  const update = live.keepUp(async () => show(await look(input.value)));
  return async ({ target, type }) => {
    if (type === "click" && target.name === "example") input.value = target.textContent;
    if (type === "input" || target.tagName === "BUTTON") await update();
  };
}, { events: ["input", "click"] });
