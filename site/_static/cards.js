// The cards' page: search and filter, a self-test, and progress that stays in this browser. What is
// kept hangs on the cards' ids, which never change: lessons may be renumbered, cards sorted anew.
(() => {
  const KEY = "nlp-in-keras-cards";
  const ROUND = 10; // cards of a self-test
  const AGAIN = 3; // a card that was answered wrong comes again after so many others
  const find = (id) => document.getElementById(id);
  const quizzes = JSON.parse(find("quizzes").textContent);
  const cards = [...document.querySelectorAll("details.theory")];
  const page = new Map(cards.map((card) => [card.dataset.id, card]));
  let progress = read();

  // { id: "known" or "wrong" }; entries of cards that this page does not have are kept, too
  function read() {
    try {
      return check(JSON.parse(localStorage.getItem(KEY) ?? '{"cards": {}}'));
    } catch {
      return {};
    }
  }

  function check(content) {
    const entries = Object.entries(content.cards ?? null);
    const good = ([id, state]) => /^[A-Z]\d{2}$/.test(id) && ["known", "wrong"].includes(state);
    if (!entries.every(good)) throw new Error("no progress with the cards");
    return Object.fromEntries(entries);
  }

  function keep() {
    try {
      localStorage.setItem(KEY, JSON.stringify({ cards: progress }));
    } catch {
      say("This browser keeps nothing: save your progress as a file before you close the page.");
    }
    show();
  }

  const say = (text) => { find("card-message").textContent = text; };
  const chosen = () => cards.filter((card) => !card.hidden).map((card) => card.dataset.id);

  function show() {
    const words = find("card-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [topic, level, state] = ["topic", "level", "state"].map((name) => find(`card-${name}`).value);
    for (const card of cards) {
      const its = progress[card.dataset.id] ?? "new";
      card.dataset.state = its;
      const text = card.textContent.toLowerCase();
      card.hidden = !(words.every((word) => text.includes(word)) && (!topic || card.dataset.topic === topic)
        && (!level || card.dataset.level === level) && (!state || its === state));
    }
    for (const section of document.querySelectorAll("article section section")) {
      const its = [...section.querySelectorAll("details.theory")];
      if (its.length) section.hidden = its.every((card) => card.hidden);
    }
    const known = cards.filter((card) => card.dataset.state === "known").length;
    find("card-count").textContent = `${chosen().length} cards shown. ${known} of ${cards.length} known.`;
  }

  function make(tag, text, attributes = {}) {
    const node = Object.assign(document.createElement(tag), attributes);
    node.append(...text.split("`").map((part, i) => { // code spans
      if (i % 2 === 0) return part;
      return Object.assign(document.createElement("code"), { textContent: part });
    }));
    return node;
  }

  function shuffle(list) {
    const mixed = [...list];
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
    }
    return mixed;
  }

  // Wrong ones first, then new ones, then those that are known.
  function start() {
    const order = { wrong: 0, new: 1, known: 2 };
    const ids = shuffle(chosen()).sort((a, b) => order[page.get(a).dataset.state] - order[page.get(b).dataset.state]);
    const queue = ids.slice(0, ROUND);
    if (!queue.length) return say("No card is shown: change the filter.");
    say("");
    return ask({ queue, total: queue.length, done: 0 });
  }

  function ask(test) {
    const box = find("test");
    box.hidden = false;
    box.replaceChildren();
    if (!test.queue.length) {
      box.append(make("p", `${test.total} of ${test.total}: all answered right in the end.`, { tabIndex: -1 }));
      return box.firstChild.focus();
    }
    const [id, ...rest] = test.queue;
    const { question, options } = quizzes[id];
    const count = make("p", `${test.done + 1} of ${test.total}`, { id: "test-count", tabIndex: -1 });
    box.append(count, make("p", question, { className: "question" }));
    for (const option of shuffle(options)) {
      const button = make("button", option.text, { type: "button", className: "option" });
      button.addEventListener("click", () => answer(option), { once: true });
      button.option = option;
      box.append(button);
    }
    count.focus();

    function answer(picked) {
      const right = picked.correct === true;
      progress[id] = right ? "known" : "wrong";
      keep();
      for (const button of box.querySelectorAll(".option")) {
        button.disabled = true;
        const correct = button.option.correct === true;
        if (correct) button.dataset.verdict = "right";
        else if (button.option === picked) button.dataset.verdict = "wrong";
        const mark = correct ? "Right: " : "Not this: ";
        button.after(make("p", mark + button.option.why, { className: "why" }));
      }
      const queue = right ? rest : [...rest.slice(0, AGAIN), id, ...rest.slice(AGAIN)];
      const verdict = right ? "Right." : "Not yet; this card comes again.";
      const link = make("a", "The whole card", { href: `#card-${id}` });
      link.addEventListener("click", () => { page.get(id).open = true; });
      const next = make("button", "Next", { type: "button", id: "test-next" });
      next.addEventListener("click", () => ask({ ...test, queue, done: test.done + (right ? 1 : 0) }));
      const line = make("p", `${verdict} `, { id: "test-verdict" });
      line.setAttribute("role", "status");
      line.append(link);
      box.append(line, next);
      next.focus();
    }
  }

  function save() {
    const content = JSON.stringify({ course: "nlp-in-keras", cards: progress }, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
    link.download = "nlp-in-keras-progress.json";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async function load(file) {
    try {
      if (file.size > 1e5) throw new Error("too large");
      const found = check(JSON.parse(await file.text()));
      progress = { ...progress, ...found };
      keep();
      say(`Progress on ${Object.keys(found).length} cards loaded.`);
    } catch {
      say("This file holds no progress with the cards: choose one that this page has saved.");
    }
  }

  for (const name of ["search", "topic", "level", "state"]) find(`card-${name}`).addEventListener("input", show);
  find("test-start").addEventListener("click", start);
  find("progress-export").addEventListener("click", save);
  find("progress-import").addEventListener("click", () => find("progress-file").click());
  find("progress-file").addEventListener("change", (event) => {
    if (event.target.files.length) load(event.target.files[0]);
    event.target.value = "";
  });
  find("progress-clear").addEventListener("click", () => {
    if (!confirm("Forget which cards you know? This cannot be undone.")) return;
    progress = {};
    keep();
  });
  const open = () => { const card = page.get(location.hash.replace("#card-", "")); if (card) card.open = true; };
  addEventListener("hashchange", open);
  document.querySelector(".cards-tools").hidden = false;
  show();
  open();
})();
