// From text to token ids, exactly as utils.data and the `tokenizers` library do it.
"use strict";

const liveText = (() => {
  const SPACE = "\\p{White_Space}"; // JavaScript's \s has one character more and one less

  // The rules of utils.data.text and utils.data.pairs come with the runtime (rules.json).
  function makeRules(rules) {
    const compile = (list) => list.map(([pattern, to]) => [new RegExp(pattern, "gu"), to]);
    const [lookAlikes, words] = [compile(rules.lookAlikes), compile(rules.words)];
    const sentence = new RegExp(rules.sentence.replaceAll("\\s", SPACE), "gu");
    const apply = (list, text) => list.reduce((text, [from, to]) => text.replace(from, to), text);
    const lower = (text) => {
      const whole = text.replace(/[\ud800-\udfff]/gu, "\ufffd"); // half a character
      return apply(lookAlikes, whole).normalize("NFC").toLowerCase();
    };
    return {
      splitWords: (text) => apply(words, lower(text)).match(/[^ \t\n\r]+/g) ?? [],
      splitSentence: (text) => lower(text).match(sentence) ?? [],
    };
  }

  // Cuts out special tokens such as <|endoftext|> first; `encode` gets what is between them.
  function withSpecial(specials, encode) {
    const escaped = specials.map((each) => each.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    const pattern = new RegExp(`(${escaped.join("|")})`, "u");
    return (text) => {
      const parts = specials.length ? text.split(pattern) : [text];
      return parts.flatMap((part, i) => (i % 2 ? [part] : part ? encode(part) : []));
    };
  }

  // GPT-2 gives each of the 256 bytes a visible character.
  const visible = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  const hidden = [...Array(256).keys()].filter((byte) => !visible(byte));
  const NAMES = Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(visible(byte) ? byte : 256 + hidden.indexOf(byte)),
  );
  const BYTES = new Map(NAMES.map((name, byte) => [name, byte]));

  // Byte-level BPE: `vocabulary` is token to id, `merges` the text of merges.txt.
  function makeBPE(vocabulary, merges) {
    const lines = merges.split("\n").filter((line) => line && !line.startsWith("#version"));
    const ranks = new Map(lines.map((line, rank) => [line, rank]));
    const others = `[^${SPACE}\\p{L}\\p{N}]+|${SPACE}+(?!\\P{White_Space})|${SPACE}+`;
    const words = new RegExp(`'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?${others}`, "gu");

    function merge(parts) {
      for (;;) {
        let [best, pair] = [Infinity, null];
        for (let i = 1; i < parts.length; i++) {
          const rank = ranks.get(`${parts[i - 1]} ${parts[i]}`) ?? Infinity;
          if (rank < best) [best, pair] = [rank, [parts[i - 1], parts[i]]];
        }
        if (!pair) return parts;
        const merged = [];
        for (let i = 0; i < parts.length; i++) {
          const found = parts[i] === pair[0] && parts[i + 1] === pair[1];
          merged.push(found ? parts[i] + parts[++i] : parts[i]);
        }
        parts = merged;
      }
    }

    const encoder = new TextEncoder();
    const cut = (word) => merge(Array.from(encoder.encode(word), (byte) => NAMES[byte]));
    const split = withSpecial(["<|endoftext|>"], (text) => (text.match(words) ?? []).flatMap(cut));
    const names = Object.keys(vocabulary);
    for (const name of [...names]) names[vocabulary[name]] = name;
    const toBytes = (name) =>
      name === "<|endoftext|>" ? encoder.encode(name) : Uint8Array.from(name, (c) => BYTES.get(c));
    return {
      split,
      id: (token) => vocabulary[token],
      encode: (text) => split(text).map((token) => vocabulary[token]),
      bytes: (id) => toBytes(names[id]),
      decode: (ids) =>
        new TextDecoder().decode(Uint8Array.from(ids.flatMap((id) => [...toBytes(names[id])]))),
      show(token) {
        const bytes = toBytes(token);
        const text = new TextDecoder().decode(bytes);
        const hex = () => Array.from(bytes, (b) => `<${b.toString(16).toUpperCase()}>`).join("");
        return text.includes("\ufffd") ? hex() : text;
      },
    };
  }

  // WordPiece with BERT's rules; `ids` is a Map of token to id.
  function makeWordPiece(ids, specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]) {
    const cjk =
      /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
    const spaces = new RegExp(SPACE, "gu");

    function normalise(text) {
      const clean = text
        .replace(/[\t\n\r]/g, " ")
        .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu, "")
        .replace(spaces, " ")
        .replace(cjk, " $& ");
      const bare = clean.normalize("NFD").replace(/\p{Mn}/gu, "");
      return Array.from(bare, (character) => character.toLowerCase()).join("");
    }

    function cut(word) {
      const characters = Array.from(word);
      const tokens = [];
      for (let start = 0; start < characters.length; ) {
        let [end, found] = [characters.length, null];
        for (; end > start && found === null; end--) {
          const token = (start ? "##" : "") + characters.slice(start, end).join("");
          if (ids.has(token)) found = token;
        }
        if (found === null || characters.length > 100) return ["[UNK]"];
        tokens.push(found);
        start = end + 1;
      }
      return tokens;
    }

    const words = /[!-/:-@[-`{-~\p{P}]|[^ !-/:-@[-`{-~\p{P}]+/gu;
    const split = withSpecial(specials, (text) => (normalise(text).match(words) ?? []).flatMap(cut));
    return {
      split,
      id: (token) => ids.get(token),
      encode: (text) => split(text).map((token) => ids.get(token)),
      show: (token) => token,
    };
  }

  // Unigram: the likeliest way to cut a text; `pieces` are [piece, log probability], 0 is unknown.
  function makeUnigram(pieces) {
    const scores = new Map(pieces);
    const ids = new Map(pieces.map(([piece], id) => [piece, id]));
    const longest = Math.max(...pieces.map(([piece]) => Array.from(piece).length));
    const unknown = Math.min(...pieces.map(([, score]) => score)) - 10;

    function cut(word) {
      const characters = Array.from(word);
      const best = characters.map(() => null);
      const totals = [0];
      for (let start = 0; start < characters.length; start++) {
        const offer = (end, score, known) => {
          if (best[end - 1] && score <= totals[end]) return;
          [totals[end], best[end - 1]] = [score, { start, known }];
        };
        for (let end = start + 1; end <= Math.min(start + longest, characters.length); end++) {
          const score = scores.get(characters.slice(start, end).join(""));
          if (score !== undefined) offer(end, totals[start] + score, true);
        }
        if (!scores.has(characters[start])) offer(start + 1, totals[start] + unknown, false);
      }
      const found = [];
      for (let end = characters.length; end > 0; end = best[end - 1].start) {
        const { start, known } = best[end - 1];
        const token = characters.slice(start, end).join("");
        if (!known && found[0] && !found[0].known) found[0].token = token + found[0].token;
        else found.unshift({ token, known });
      }
      return found.map(({ token, known }) => (known ? token : { unknown: token }));
    }

    const split = withSpecial(["<unk>"], (text) => {
      const marked = text.replaceAll(" ", "▁");
      const words = (marked.startsWith("▁") ? marked : `▁${marked}`).match(/▁[^▁]*/g);
      return words.flatMap(cut);
    });
    const id = (token) => ids.get(token) ?? 0;
    return {
      split,
      id,
      encode: (text) => split(text).map(id),
      show: (token) => token.unknown ?? token,
    };
  }

  return { makeRules, makeBPE, makeWordPiece, makeUnigram };
})();
if (typeof module !== "undefined") module.exports = liveText; // for node
