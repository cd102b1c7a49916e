// Three tokenisers cut the reader's text side by side.
"use strict";

live.start("tokenizer", async (root) => {
  const [LONGEST, SHOWN] = [10_000, 1_000]; // characters that are read, tokens that are drawn
  const input = root.querySelector("textarea");
  const answer = root.querySelector("output");
  const files = await live.loadPacked("tokenizers");
  const read = (name) => live.decode(files[name]);
  const words = read("wordpiece.txt").split("\n");
  const tokenizers = {
    bpe: liveText.makeBPE(JSON.parse(read("vocab.json")), read("merges.txt")),
    wordpiece: liveText.makeWordPiece(new Map(words.map((word, id) => [word, id]))),
    unigram: liveText.makeUnigram(JSON.parse(read("unigram.json"))),
  };

  function update() {
    const text = input.value.slice(0, LONGEST);
    const said = [];
    for (const [name, tokenizer] of Object.entries(tokenizers)) {
      const panel = root.querySelector(`[data-tokenizer=${name}]`);
      const tokens = tokenizer.split(text);
      const draw = (token) => {
        const id = tokenizer.id(token);
        const shown = tokenizer.show(token).replaceAll(" ", "␣").replaceAll("\n", "⏎");
        return live.make("span", { title: token.unknown ? `unknown, id ${id}` : `id ${id}` }, shown);
      };
      panel.querySelector(".live-tokens").replaceChildren(...tokens.slice(0, SHOWN).map(draw));
      const more = tokens.length > SHOWN ? `, the first ${SHOWN} are shown` : "";
      panel.querySelector("h2 + p").textContent = `${tokens.length} tokens${more}`;
      said.push(`${panel.querySelector("h2").firstChild.textContent.trim()} ${tokens.length}`);
    }
    const cut = input.value.length > LONGEST ? ` Only the first ${LONGEST} characters are read.` : "";
    answer.textContent = `Tokens: ${said.join(", ")}.${cut}`;
  }

  Object.assign(root, { tokenizers }); // for the tests
  return update;
}, { events: ["input", "click"], needsRuntime: false });
