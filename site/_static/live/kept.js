// Opens a model that utils.models.save kept and `make onnx` exported: classifiers, translators.
"use strict";

const liveKept = (() => {
  const NO_ONNX =
    "There is no model.onnx in it, and a browser cannot read model.keras. Run " +
    "`make onnx MODEL=folder` in the course, pack the folder again, and bring the new .zip.";
  const OTHER_TOKENIZER =
    "Its tokenizer.json is not of BERT's kind (lower-case WordPiece), the only one that this page knows.";
  const [PADDING, UNKNOWN, START, END] = [0, 1, 2, 3]; // ids of a translator's special tokens

  function check(condition, sentence) {
    if (!condition) throw new Error(sentence);
  }

  // One token a line; a line break inside one is escaped with a backslash.
  function readTokens(bytes) {
    const plain = (_, c) => ({ n: "\n", r: "\r" })[c] ?? c;
    const lines = live.decode(bytes).split("\n").slice(0, -1);
    return lines.map((line) => line.replace(/\\(.)/g, plain));
  }

  const toIds = (tokens) => new Map(tokens.map((token, id) => [token, id]));

  function readJSON(bytes, name) {
    try {
      const found = JSON.parse(live.decode(bytes));
      if (found && typeof found === "object") return found;
    } catch {
      // the sentence below says it
    }
    throw new Error(`Its ${name} cannot be read.`);
  }

  function readWordPiece(bytes) {
    const { model, normalizer, pre_tokenizer, added_tokens } = readJSON(bytes, "tokenizer.json");
    check(
      model?.type === "WordPiece" && model.vocab && normalizer?.type === "BertNormalizer" &&
        normalizer.lowercase && normalizer.strip_accents === null && normalizer.clean_text &&
        normalizer.handle_chinese_chars && pre_tokenizer?.type === "BertPreTokenizer" &&
        Array.isArray(added_tokens),
      OTHER_TOKENIZER,
    ); // prettier-ignore
    const specials = added_tokens.map((each) => String(each.content));
    return liveText.makeWordPiece(new Map(Object.entries(model.vocab)), specials);
  }

  // Returns `cut`, from a text to tokens as shown, and `encode`, from tokens to ids as read.
  function makeEncoder(card, files, rules) {
    const vocabulary = files["vocabulary.txt"] && toIds(readTokens(files["vocabulary.txt"]));
    const size = card.settings.sequence_length;
    check(Number.isInteger(size) && size > 0 && size <= 4096, "Its card.json names no length.");
    if (!files["tokenizer.json"]) {
      check(vocabulary, "It has neither vocabulary.txt nor tokenizer.json.");
      const encode = (tokens) => tokens.map((token) => vocabulary.get(token) ?? UNKNOWN);
      return { size, cut: (text) => rules.splitWords(text).slice(0, size), encode };
    }
    const pieces = readWordPiece(files["tokenizer.json"]);
    const id = (token) => (vocabulary ? vocabulary.get(token) ?? vocabulary.get("[UNK]") : pieces.id(token));
    const encode = (tokens) => [id("[CLS]"), ...tokens.map(id), id("[SEP]")];
    return { size, cut: (text) => pieces.split(text).slice(0, size - 2), encode };
  }

  function openClassifier(card, files, model, rules) {
    const { labels } = card.settings;
    check(Array.isArray(labels) && labels.length > 1, "Its card.json names no labels.");
    check(model.inputs.length === 1, "Its model.onnx is not that of a classifier of texts.");
    const { size, cut, encode } = makeEncoder(card, files, rules);

    // Returns the probability of each label, for each list of tokens.
    async function score(lists) {
      const ids = new Int32Array(lists.length * size); // padded as in training
      lists.forEach((tokens, row) => ids.set(encode(tokens), row * size));
      const [{ name, type }] = model.inputs;
      check(type === "int32", `Its model.onnx reads ${type}, not token ids of int32.`);
      const [{ data, dims }] = await model.run({ [name]: [type, ids, [lists.length, size]] });
      const count = dims.at(-1);
      check(labels.length === Math.max(count, 2), `It has ${labels.length} labels and ${count} outputs.`);
      const rows = lists.map((_, row) => Array.from(data.slice(row * count, (row + 1) * count)));
      return count === 1 ? rows.map(([p]) => [1 - p, p]) : rows;
    }

    const pad = (ids) => [...ids, ...Array(size - ids.length).fill(PADDING)];
    const ids = (text) => pad(encode(cut(text)));
    return { labels: labels.map(String), size, cut, score, ids, encode };
  }

  function openTranslator(card, files, model, rules) {
    const named = ["source_vocabulary.txt", "target_vocabulary.txt"];
    check(named.every((name) => files[name]), "It lacks a vocabulary.");
    check(model.inputs.length === 2, "Its model.onnx is not that of a translator.");
    const [source, target] = [toIds(readTokens(files[named[0]])), readTokens(files[named[1]])];
    const { length } = card.settings;
    check(Number.isInteger(length) && length > 0 && length <= 512, "Its card.json names no length.");
    const cut = (text) => rules.splitSentence(text).slice(0, 512);
    const knows = (token) => source.has(token);
    const encode = (tokens) => tokens.map((token) => source.get(token) ?? UNKNOWN);

    // Goes on with the likeliest token; each step reads source and translation again. Returns what was
    // written and the outputs of the last step, which have a row for each token of it.
    async function decode(tokens) {
      const read = Int32Array.from(encode(tokens));
      const written = [START];
      let outputs = [];
      while (read.length && written.length <= length) {
        const rows = [read, Int32Array.from(written)].map((row) => ["int32", row, [1, row.length]]);
        outputs = await model.run(Object.fromEntries(model.inputs.map(({ name }, i) => [name, rows[i]])));
        const [{ data, dims }] = outputs;
        const last = data.subarray(data.length - dims.at(-1));
        const best = last.reduce((best, x, i) => (x > last[best] ? i : best), 0);
        if (best === END || best === PADDING) break;
        written.push(best);
      }
      const ids = written.slice(1);
      return { ids, words: ids.map((id) => target[id] ?? "[UNK]"), outputs };
    }

    const join = (words) => words.join(" ").replace(/(?<=') | (?=[-.,])/g, "");
    const translate = async (text) => join((await decode(cut(text))).words);
    const ids = (text) => (cut(text).length ? encode(cut(text)) : [PADDING]);
    return { cut, knows, encode, decode, join, translate, ids };
  }

  // Opens the files of a kept model, {name: bytes}; an error's message is a sentence for the reader.
  async function openKept(files) {
    check(files["card.json"], "There is no card.json in it: it is not a model that `pack` packed.");
    const card = readJSON(files["card.json"], "card.json");
    const openers = { classifier: openClassifier, translator: openTranslator, transformer: openTranslator };
    check(card.settings && typeof card.settings === "object", "Its card.json cannot be read.");
    check(
      Object.hasOwn(openers, card.kind),
      `This page opens classifiers and translators; this model is of the kind "${String(card.kind).slice(0, 40)}".`,
    );
    check(files["model.onnx"], NO_ONNX);
    const rules = liveText.makeRules(JSON.parse(live.decode((await live.loadPacked("runtime"))["rules.json"])));
    const model = await live.openModel(files["model.onnx"]).catch((error) => {
      throw new Error(`ONNX Runtime cannot open its model.onnx (${error.message.slice(0, 120)}).`);
    });
    try {
      const opened = openers[card.kind](card, files, model, rules);
      const { text, token_ids } = card.example ?? {};
      check(
        typeof text === "string" && String(opened.ids(text)) === String(token_ids),
        "This page cuts texts into other tokens than the model was trained with, so it would misread them.",
      );
      return { kind: card.kind, close: model.close, card, ...opened };
    } catch (error) {
      model.close();
      throw error;
    }
  }

  return { openKept };
})();
