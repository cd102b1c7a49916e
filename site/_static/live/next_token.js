// The next token of the course's GPT-2: probabilities, what the settings keep, attention, a text.
"use strict";

live.start("next_token", async (root) => {
  const CONTEXT = 256; // tokens that the model can look at
  const [L, H, D] = [4, 4, 64]; // layers, heads, numbers of a head
  const find = (name) => root.querySelector(`[name=${name}]`);
  const [prompt, written] = [find("prompt"), root.querySelector(".live-written")];
  const [answer, canvas] = [root.querySelector("output"), root.querySelector("canvas")];
  const [nextTable, attentionTable, matrixTable] = root.querySelectorAll("table");
  const files = await live.loadPacked("gpt2");
  const vocabulary = JSON.parse(live.decode(files["vocab.json"]));
  const tokenizer = liveText.makeBPE(vocabulary, live.decode(files["merges.txt"]));
  const model = await live.openModel(files["model.onnx"]);
  const nothing = () => ({ data: new Float32Array(0), dims: [2 * L, H, 0, D] });
  const [idsName, pastName] = model.inputs.map(({ name }) => name);

  // Reads tokens after those in `past`; returns the scores of the next one, the new past, attention.
  async function step(ids, past = nothing()) {
    const [logits, present, attention] = await model.run({
      [idsName]: ["int32", Int32Array.from(ids), [1, ids.length]],
      [pastName]: ["float32", past.data, past.dims],
    });
    return { logits: logits.data, past: present, attention };
  }

  // Does what utils.decoding.filters.filter_logits does; returns probabilities, 0 for what is out.
  function filter(logits, temperature, topK, topP) {
    const scaled = Array.from(logits, (x) => x / temperature);
    const ranked = [...scaled].sort((a, b) => b - a);
    let least = topK > 0 && topK < ranked.length ? ranked[topK - 1] : -Infinity;
    const weigh = (x) => (x < least ? 0 : Math.exp(x - ranked[0])); // equal scores stay together
    if (topP < 1) {
      const total = ranked.reduce((sum, x) => sum + weigh(x), 0);
      let before = 0; // the probability of all tokens that are likelier
      const end = ranked.findIndex((x) => before / total >= topP || ((before += weigh(x)), false));
      if (end > 0) least = Math.max(least, ranked[end - 1]);
    }
    const weights = scaled.map(weigh);
    const total = weights.reduce((a, b) => a + b);
    return weights.map((weight) => weight / total);
  }

  const settings = () => ["temperature", "top_k", "top_p"].map((name) => Number(find(name).value));
  const read = (text) => {
    const ids = tokenizer.encode(text.slice(-5000)).slice(-CONTEXT);
    return ids.length ? ids : [tokenizer.id("<|endoftext|>")];
  };
  const name = (id) => JSON.stringify(tokenizer.decode([id])).slice(1, -1).replaceAll(" ", "␣");

  let seen; // what was read last: ids, logits, attention
  function showNext() {
    const [temperature, topK, topP] = settings();
    for (const label of ["temperature", "top_k", "top_p"]) {
      find(label).nextElementSibling.textContent =
        label === "top_k" && !topK ? "all" : find(label).value;
    }
    const raw = filter(seen.logits, 1, 0, 1);
    const kept = filter(seen.logits, temperature, topK, topP);
    const order = [...raw.keys()].sort((a, b) => raw[b] - raw[a]).slice(0, 10);
    live.fillRows(nextTable, order.map((id) => [name(id), live.percent(raw[id]), live.percent(kept[id])]));
    const count = kept.filter((p) => p > 0).length;
    answer.textContent = `Likeliest next token: “${name(order[0])}”, ${live.percent(raw[order[0]])}. The settings keep ${count} of ${raw.length} tokens.`;
  }

  function showAttention() {
    const { data, dims } = seen.attention; // (L, H, S, S)
    const S = dims[3];
    const head = (Number(find("layer").value) * H + Number(find("head").value)) * S * S;
    [canvas.width, canvas.height] = [S, S];
    const image = new ImageData(S, S);
    for (let i = 0; i < S * S; i++) {
      const light = 255 * (1 - Math.sqrt(data[head + i])); // the root shows small weights, too
      image.data.set([light, light, 128 + light / 2, 255], 4 * i);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    const row = Array.from(data.subarray(head + (S - 1) * S, head + S * S));
    const order = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, 5);
    live.fillRows(attentionTable, order.map((i) => [name(seen.ids[i]), String(i + 1), live.percent(row[i])]));
    const last = [...row.keys()].slice(-16);
    live.fillHead(matrixTable, ["", ...last.map((i) => name(seen.ids[i]))]);
    live.fillRows(matrixTable, last.map((i) => [name(seen.ids[i]), ...last.map((k) => live.percent(data[head + i * S + k]))]));
  }

  async function look(text) {
    const ids = read(text);
    seen = { ids, ...(await step(ids)) };
    showNext();
    showAttention();
  }

  function choose(probabilities) {
    let left = Math.random();
    const found = probabilities.findIndex((p) => (left -= p) < 0);
    return found < 0 ? probabilities.indexOf(Math.max(...probabilities)) : found;
  }

  // Writes `count` tokens; `report` gets all ids after each and returns whether to go on.
  async function write(text, count, report, pick = choose) {
    const ids = read(text);
    let state = await step(ids);
    for (let n = 0; n < count; n++) {
      const id = pick(filter(state.logits, ...settings()));
      ids.push(id);
      if (id === tokenizer.id("<|endoftext|>") || !report(ids)) break;
      const full = state.past.dims[2] === CONTEXT; // then the last half is read again
      state = full ? await step(ids.slice(-CONTEXT / 2)) : await step([id], state.past);
    }
    return ids;
  }

  let writing = false;
  async function go(count) {
    writing = true;
    find("write").textContent = "Stop";
    const text = prompt.value + written.textContent;
    const before = read(text).length;
    const start = written.textContent;
    const report = (ids) => {
      written.textContent = start + tokenizer.decode(ids.slice(before));
      return writing;
    };
    try {
      await write(text, count, report);
    } finally {
      writing = false;
      find("write").textContent = "Write 40 tokens";
    }
    update();
  }

  const update = live.keepUp(() => look(prompt.value + written.textContent));
  Object.assign(root, { step, filter, tokenizer, write, read }); // for the tests
  return async ({ target, type }) => {
    if (type === "click" && target.name === "write") {
      if (writing) writing = false;
      else await go(40);
    } else if (type === "click" && target.name === "one") {
      if (!writing) await go(1);
    } else if (type === "click" && target.name === "clear") {
      [writing, written.textContent] = [false, ""];
      await update();
    } else if (target === prompt && type === "input") {
      [writing, written.textContent] = [false, ""];
      await update();
    } else if (!seen) await update();
    else if (type === "input") {
      showNext();
      showAttention();
    }
  };
}, { events: ["input", "click"] });
