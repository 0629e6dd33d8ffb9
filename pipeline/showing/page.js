"use strict";
(() => {
  const form = document.getElementById("filters");
  const count = document.getElementById("count");
  const unfold = document.getElementById("unfold");
  const cards = [...document.querySelectorAll("article")];
  const texts = new Map();

  // The filters stand in the address after #, so that a view can be kept as a bookmark or sent on:
  // #domain=animal&agreement=0.2-0.5&words=red+ball
  const readAddress = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const [low = "", high = ""] = (asked.get("agreement") ?? "").split("-");
    const values = { low, high };
    for (const field of form.elements) {
      if (field.name) field.value = values[field.name] ?? asked.get(field.name) ?? "";
      if (field.selectedIndex < 0) field.value = ""; // no record of the page has the value
    }
  };

  const writeAddress = () => {
    const given = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
    const [low, high] = [given.get("low") ?? "", given.get("high") ?? ""];
    given.delete("low");
    given.delete("high");
    if (low || high) given.set("agreement", `${low}-${high}`);
    history.replaceState(null, "", `#${given}`);
  };

  const textOf = (element) => {
    if (!texts.has(element)) texts.set(element, element.textContent.toLowerCase());
    return texts.get(element);
  };

  const isLeft = (card, asked, words) => {
    for (const field of form.querySelectorAll("select")) {
      if (field.value && !card.dataset[field.name].split(" ").includes(field.value)) return false;
    }
    const [low, high] = [asked.get("low"), asked.get("high")];
    if (low || high) {
      const agreement = parseFloat(card.dataset.agreement);
      if (!(agreement >= Number(low ?? 0) && agreement <= Number(high || 1))) return false;
    }
    return words.every((word) => textOf(card).includes(word));
  };

  const apply = () => {
    const asked = new FormData(form);
    const words = asked.get("words").toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const card of cards) {
      card.hidden = !isLeft(card, asked, words);
      left += card.hidden ? 0 : 1;
      if (card.hidden) continue;
      for (const thinking of card.querySelectorAll(".thinking")) {
        thinking.classList.toggle("hit", words.some((word) => textOf(thinking).includes(word)));
      }
    }
    count.textContent = `${left} of ${cards.length}`;
    document.getElementById("none").hidden = left > 0;
  };

  const toggleThinking = () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    unfold.setAttribute("aria-pressed", String(open));
    for (const thinking of document.querySelectorAll(".thinking")) thinking.open = open;
  };

  const step = (by) => {
    const left = cards.filter((card) => !card.hidden);
    const at = left.indexOf(document.activeElement?.closest("article"));
    const next = left[at < 0 ? 0 : Math.min(Math.max(at + by, 0), left.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "start" });
  };

  form.addEventListener("input", () => { writeAddress(); apply(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { writeAddress(); apply(); }));
  unfold.addEventListener("click", toggleThinking);
  addEventListener("hashchange", () => { readAddress(); apply(); });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    const act = { "/": () => form.elements.words.focus(), j: () => step(1), k: () => step(-1), t: toggleThinking }[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  readAddress();
  form.hidden = false;
  apply();
})();
