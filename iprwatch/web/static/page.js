// Keyboard, and the height of a framed digest. Every page works without this file.
"use strict";

const places = () => [...document.querySelectorAll("main a.open")];

function move(step) {
  const all = places();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "center" });
}

function toggleWhy() {
  const near = document.activeElement.closest(".hit, .members > li") || document;
  const why = near.querySelector("details.why");
  if (why) why.open = !why.open;
}

function toggleKeys() {
  const keys = document.getElementById("keys");
  keys.open = !keys.open;
  if (keys.open) { keys.querySelector("summary").focus(); keys.scrollIntoView({ block: "end" }); }
}

const actions = {
  "/": () => document.querySelector("[data-search]")?.select(),
  "j": () => move(1),
  "k": () => move(-1),
  "w": toggleWhy,
  "t": () => { location.href = "/"; },
  "?": toggleKeys,
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
});

for (const frame of document.querySelectorAll("iframe.frame")) {
  const fit = () => {
    const page = frame.contentDocument?.documentElement;
    if (page) frame.style.height = `${page.scrollHeight + 2}px`;
  };
  frame.addEventListener("load", fit);
  window.addEventListener("resize", fit);
  fit();
}
