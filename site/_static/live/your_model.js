// Opens the .zip that utils.models.pack made of the reader's own model. It is only read: nothing in
// it is run but the ONNX model, in a worker, and every text of it is shown as plain text.
"use strict";

live.start("your_model", async (root) => {
  const LARGEST = 200e6; // bytes, packed and unpacked
  const WANTED = /^(card\.json|model\.onnx|tokenizer\.json|(source_|target_)?vocabulary\.txt)$/;
  const [file, drop] = [root.querySelector("input[type=file]"), root.querySelector(".live-drop")];
  const [answer, form] = [root.querySelector("output"), root.querySelector(".live-ask")];
  const [input, result] = [root.querySelector("textarea"), root.querySelector(".live-result")];

  function check(condition, sentence) {
    if (!condition) throw new Error(sentence);
  }

  // Unpacks one file of a .zip; stops as soon as there is more than its entry says.
  async function inflate(bytes, method, size) {
    if (method === 0) return bytes;
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const [found, reader] = [new Uint8Array(size), stream.getReader()];
    let length = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (length + part.value.length > size) {
        await reader.cancel();
        throw new Error("more bytes than announced");
      }
      found.set(part.value, length);
      length += part.value.length;
    }
    if (length !== size) throw new Error("fewer bytes than announced");
    return found;
  }

  // Returns the files of a .zip that a kept model has, {name: bytes}.
  async function unzip(buffer) {
    const [view, bytes] = [new DataView(buffer), new Uint8Array(buffer)];
    const broken = "This file is broken, or it is no .zip. Pack the folder again.";
    let end = buffer.byteLength - 22; // the record at the end, behind which a comment may stand
    while (end >= 0 && end > buffer.byteLength - 66_000 && view.getUint32(end, true) !== 0x06054b50) end--;
    check(end >= 0 && view.getUint32(end, true) === 0x06054b50, broken);
    const count = view.getUint16(end + 10, true);
    check(count < 100, `It holds ${count} files; a packed model has at most eight.`);
    const found = {};
    let total = 0;
    let at = view.getUint32(end + 16, true);
    try {
      for (let i = 0; i < count; i++) {
        check(view.getUint32(at, true) === 0x02014b50, broken);
        const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
        const [packed, size] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
        const lengths = [28, 30, 32].map((k) => view.getUint16(at + k, true));
        const local = view.getUint32(at + 42, true);
        const path = live.decode(bytes.subarray(at + 46, at + 46 + lengths[0]));
        at += 46 + lengths.reduce((a, b) => a + b);
        const parts = path.split("/");
        check(
          !/[\\:\0]/.test(path) && !parts.includes("..") && parts[0] !== "" && path.length < 300,
          "It holds a path that leads out of its folder. No packed model has one; nothing was opened.",
        );
        const name = parts.at(-1);
        if (!WANTED.test(name) || parts.length > 2) continue;
        total += size;
        check(total <= LARGEST, "Unpacked it has more than 200 MB, too much for this page.");
        check(!(flags & 1), "It is encrypted. Pack the folder with utils.models.pack.");
        check(method === 0 || method === 8, broken);
        check(!Object.hasOwn(found, name), `It holds ${name} twice.`);
        const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
        check(start + packed <= bytes.length && (method || packed === size), broken);
        found[name] = await inflate(bytes.subarray(start, start + packed), method, size).catch(() => {
          throw new Error(broken);
        });
      }
    } catch (error) {
      throw error instanceof RangeError ? new Error(broken) : error;
    }
    return found;
  }

  // A file that was changed after `save` is not the model that was tested; hashes need https or file.
  async function checkHashes(files) {
    if (!globalThis.crypto?.subtle || !files["card.json"]) return;
    let hashes = {};
    try {
      hashes = JSON.parse(live.decode(files["card.json"])).files ?? {};
    } catch {
      return; // openKept says that it cannot be read
    }
    for (const [name, bytes] of Object.entries(files)) {
      if (name === "card.json" || !Object.hasOwn(hashes, name)) continue;
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
      check(hex === hashes[name], `Its ${name} was changed after the model was saved.`);
    }
  }

  let model;
  async function open(chosen) {
    model?.close();
    model = undefined;
    form.hidden = true;
    answer.textContent = "Opening …";
    try {
      check(chosen.size <= LARGEST, "It has more than 200 MB, too much for this page.");
      const files = await unzip(await chosen.arrayBuffer());
      await checkHashes(files);
      model = await liveKept.openKept(files);
      result.replaceChildren(await ask(input.value.slice(0, 20_000))); // does it fit its labels?
      const what = model.labels ? `a classifier with the labels ${model.labels.join(", ")}` : "a translator";
      answer.textContent = `Opened: ${what}. Type a text below.`.slice(0, 500);
      if (model.card.settings.beam_width > 1) answer.textContent += " Here it takes the likeliest word at each step, without a beam.";
      form.hidden = false;
    } catch (error) {
      model?.close();
      model = undefined;
      answer.textContent = error.message;
    }
  }

  async function ask(text) {
    if (model.translate) return live.make("p", {}, (await model.translate(text)) || "(nothing)");
    const [row] = await model.score([model.cut(text)]);
    const order = [...row.keys()].sort((a, b) => row[b] - row[a]).slice(0, 50);
    const head = live.make("tr", {}, ...["label", "probability"].map((each) => live.make("th", { scope: "col" }, each)));
    const table = live.make("table", {}, live.make("thead", {}, head), live.make("tbody"));
    live.fillRows(table, order.map((i) => [model.labels[i], live.percent(row[i])]));
    return table;
  }

  const update = live.keepUp(async () => {
    if (!model) return;
    try {
      result.replaceChildren(await ask(input.value.slice(0, 20_000)));
    } catch (error) {
      result.replaceChildren(live.make("p", {}, `The model does not answer: ${error.message.slice(0, 200)}`));
    }
  });

  for (const type of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("live-over", type === "dragover");
    });
  }
  Object.assign(root, { ask, getModel: () => model }); // for the tests
  answer.textContent = "Choose a .zip, or drop it here.";
  return async (event) => {
    const chosen = event.type === "drop" ? event.dataTransfer.files[0] : event.target === file && event.type === "change" && file.files[0];
    if (chosen) await open(chosen);
    else if (event.target === input && event.type === "input") await update();
  };
}, { events: ["click", "input", "change", "dragover", "drop"] });
