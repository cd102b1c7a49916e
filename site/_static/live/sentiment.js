// How probable it is that a sentence praises a film, and which words moved that, while one types.
// A word is judged by the odds, which move also where the probability is near 0 or 1.
"use strict";

live.start("sentiment", async (root) => {
  const input = root.querySelector("textarea");
  const answer = root.querySelector("output");
  const meter = root.querySelector("meter");
  const sentence = root.querySelector(".live-words");
  const [table, others] = root.querySelectorAll("table");
  const model = await liveKept.openKept(await live.loadPacked("sentiment"));

  // Returns the tokens, the probability of praise, and by how much each token raised it.
  async function explain(text) {
    const tokens = model.cut(text.slice(0, 20_000));
    if (!tokens.length) return { tokens, probability: null, moves: [] };
    const shorter = tokens.map((_, i) => tokens.filter((_, k) => k !== i));
    const [whole, ...without] = (await model.score([tokens, ...shorter])).map((row) => row[1]);
    const odds = (p) => p / Math.max(1 - p, 1e-7);
    const moves = without.map((p) => Math.log(Math.max(odds(whole), 1e-7) / Math.max(odds(p), 1e-7)));
    return { tokens, probability: whole, moves, without };
  }

  function show({ tokens, probability, moves, without }) {
    meter.value = probability ?? 0.5;
    answer.textContent =
      probability === null
        ? "Type a sentence."
        : `${live.percent(probability)} praise` +
          (tokens.length === model.size ? `; only the first ${model.size} words and marks are read` : "");
    const paint = (token, i) => {
      const word = live.make("span", { class: moves[i] < 0 ? "live-down" : "live-up" }, token);
      word.style.setProperty("--strength", `${Math.min(50, Math.abs(20 * moves[i]))}%`);
      return [word, " "];
    };
    sentence.replaceChildren(...tokens.flatMap(paint));
    const order = moves.map((_, i) => i).sort((a, b) => Math.abs(moves[b]) - Math.abs(moves[a]));
    const times = (x) => `${x < 0 ? "÷" : "×"} ${Math.exp(Math.abs(x)).toFixed(Math.abs(x) < 2.3 ? 1 : 0)}`;
    const row = (i) => [tokens[i], live.percent(without[i]), times(moves[i])];
    live.fillRows(table, order.slice(0, 6).map(row));
    live.fillRows(others, order.slice(6).map(row));
  }

  Object.assign(root, { explain, model }); // for the tests
  return live.keepUp(async () => show(await explain(input.value)));
}, { events: ["input", "click"] });
