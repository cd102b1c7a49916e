// How probable it is that a sentence praises a film, and which words moved that, while one types.
"use strict";

live.start("sentiment", async (root) => {
  const input = root.querySelector("textarea");
  const answer = root.querySelector("output");
  const meter = root.querySelector("meter");
  const sentence = root.querySelector(".live-words");
  const table = root.querySelector("table");
  const model = await liveKept.openKept(await live.loadPacked("sentiment"));

  // Returns the tokens, the probability of praise, and by how much each token raised it.
  async function explain(text) {
    const tokens = model.cut(text.slice(0, 20_000));
    if (!tokens.length) return { tokens, probability: null, moves: [] };
    const without = tokens.map((_, i) => tokens.filter((_, k) => k !== i));
    const [whole, ...others] = (await model.score([tokens, ...without])).map((row) => row[1]);
    return { tokens, probability: whole, moves: others.map((p) => whole - p), others };
  }

  function show({ tokens, probability, moves, others }) {
    meter.value = probability ?? 0.5;
    answer.textContent =
      probability === null
        ? "Type a sentence."
        : `${live.percent(probability)} praise` +
          (tokens.length === model.size ? `; only the first ${model.size} words and marks are read` : "");
    const paint = (token, i) => {
      const word = live.make("span", { class: moves[i] < 0 ? "live-down" : "live-up" }, token);
      word.style.setProperty("--strength", `${Math.min(50, Math.abs(400 * moves[i]))}%`);
      return [word, " "];
    };
    sentence.replaceChildren(...tokens.flatMap(paint));
    const order = moves.map((_, i) => i).sort((a, b) => Math.abs(moves[b]) - Math.abs(moves[a]));
    const signed = (x) => `${x < 0 ? "−" : "+"}${Math.abs(100 * x).toFixed(1)}`;
    const row = (i) => [tokens[i], live.percent(others[i]), signed(moves[i])];
    live.fillRows(table, order.slice(0, 6).map(row));
  }

  Object.assign(root, { explain, model }); // for the tests
  return live.keepUp(async () => show(await explain(input.value)));
}, { events: ["input", "click"] });
