// What the live models share: packed scripts, ONNX Runtime in a worker, start on the first event.
// Works from file:// and http://, asks no other host for anything, needs no special headers.
"use strict";

const live = (() => {
  const here = document.currentScript.src.replace(/[^/]*$/, ""); // the folder of this script
  const decode = (bytes) => new TextDecoder().decode(bytes);

  // A script may be loaded from a file; a file may not be fetched.
  function loadScript(address) {
    return new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: address });
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${address} could not be loaded`));
      document.head.append(script);
    });
  }

  const kept = {};
  // Returns the files of NAME.packed.js as bytes, by name; loads it once.
  function loadPacked(name) {
    kept[name] ??= loadScript(`${here}${name}.packed.js`).then(async () => {
      const files = Object.entries(globalThis.packed[name]);
      delete globalThis.packed[name]; // its text is not needed any more
      const unpack = async ([key, base64]) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
        return [key, new Uint8Array(await new Response(stream).arrayBuffer())];
      };
      return Object.fromEntries(await Promise.all(files.map(unpack)));
    });
    return kept[name];
  }

  // Runs in the worker, one thing after the other: a session computes one input at a time.
  function serve() {
    let session;
    let queue = Promise.resolve();
    const does = {
      async open({ glue, wasm, model }) {
        const script = new Blob([glue], { type: "text/javascript" });
        ort.env.wasm.numThreads = 1;
        ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(script) };
        ort.env.wasm.wasmBinary = wasm;
        session = await ort.InferenceSession.create(model);
        const list = (each) => ({ name: each.name, type: each.type, shape: each.shape });
        return { inputs: session.inputMetadata.map(list), outputs: session.outputNames };
      },
      async run(inputs) {
        const tensor = ([type, data, dims]) => new ort.Tensor(type, data, dims);
        const feeds = Object.entries(inputs).map(([name, given]) => [name, tensor(given)]);
        const found = Object.values(await session.run(Object.fromEntries(feeds)));
        return found.map(({ data, dims }) => ({ data, dims }));
      },
    };
    onmessage = ({ data: [id, what, given] }) => {
      queue = queue.then(async () => {
        try {
          const found = await does[what](given);
          const buffers = what === "run" ? found.map(({ data }) => data.buffer) : [];
          postMessage([id, found], [...new Set(buffers)]);
        } catch (error) {
          postMessage([id, null, String(error?.message ?? error)]);
        }
      });
    };
  }

  // Opens an ONNX model in a worker of its own, so that nothing it does blocks the page.
  // `run` takes {name: [type, data, dims]} and returns the outputs in order: {data, dims}.
  async function openModel(model, patience = 60_000) {
    const files = await loadPacked("runtime");
    const code = [files["ort.wasm.min.js"], `\n(${serve})();`];
    const worker = new Worker(URL.createObjectURL(new Blob(code, { type: "text/javascript" })));
    const waiting = new Map();
    const fail = (message) => {
      worker.terminate();
      for (const { reject } of waiting.values()) reject(new Error(message));
      waiting.clear();
    };
    worker.onmessage = ({ data: [id, found, message] }) => {
      const { resolve, reject, timer } = waiting.get(id);
      clearTimeout(timer);
      waiting.delete(id);
      if (message === undefined) resolve(found);
      else reject(new Error(message));
    };
    worker.onerror = (event) => fail(event.message || "the worker could not start");
    let count = 0;
    const ask = (what, given) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => fail("the model took too long"), patience);
        waiting.set(++count, { resolve, reject, timer });
        worker.postMessage([count, what, given]);
      });
    const glue = files["ort-wasm-simd-threaded.mjs"];
    const facts = await ask("open", { glue, wasm: files["ort-wasm-simd-threaded.wasm"], model });
    return { ...facts, run: (inputs) => ask("run", inputs), close: () => fail("closed") };
  }

  // Returns a function that does `work` for the last call only, if calls come faster than it.
  function keepUp(work) {
    let busy = false;
    let stale = false;
    return async () => {
      stale = true;
      if (busy) return;
      busy = true;
      try {
        while (stale) {
          stale = false;
          await work();
        }
      } finally {
        busy = false;
      }
    };
  }

  // Starts a demo at the reader's first click or key in it; `begin` loads what it needs, once, and
  // returns what is done then and at each later event. What fails is said in the demo's <output>.
  function start(name, begin, { events = ["input"], needsRuntime = true } = {}) {
    for (const root of document.querySelectorAll(`[data-live=${name}]`)) {
      const answer = root.querySelector("output");
      const say = (error) => {
        answer.textContent = `The demo does not work here: ${error.message}.`;
        root.dataset.state = "failed";
      };
      if (needsRuntime && typeof WebAssembly === "undefined") {
        answer.textContent =
          "This browser has no WebAssembly, so the model cannot run here. The table below holds stored answers.";
        root.dataset.state = "failed";
        continue;
      }
      let ready;
      const react = async (event) => {
        try {
          if (!ready) answer.textContent = "Loading …";
          ready ??= begin(root).then((update) => [update, (root.dataset.state = "ready")]);
          await (await ready)[0](event);
        } catch (error) {
          say(error);
        }
      };
      for (const type of events) root.addEventListener(type, react);
    }
  }

  // Makes an element of text, never of markup; children are elements or strings.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  // Names the columns of a table; the first may be empty.
  function fillHead(table, names) {
    const cells = names.map((name) => (name ? make("th", { scope: "col" }, name) : make("td")));
    table.tHead.replaceChildren(make("tr", {}, ...cells));
  }

  // Fills a table's body with rows of strings.
  function fillRows(table, rows) {
    const cells = (row) => row.map((cell, i) => make(i ? "td" : "th", i ? {} : { scope: "row" }, cell));
    table.tBodies[0].replaceChildren(...rows.map((row) => make("tr", {}, ...cells(row))));
  }

  const percent = (p) => `${(100 * p).toFixed(1)} %`;
  return { decode, loadPacked, openModel, keepUp, start, make, fillHead, fillRows, percent };
})();
