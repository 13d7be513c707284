// Every page works without this file. It adds what only a script can do:
// show a password, copy, download, print, send a form that only leads on, and tell the server the browser's time zone.
"use strict";

// Buttons that need a script are in the page but hidden, so that nobody meets a dead one.
const reveal = (button) => { button.hidden = false; };

const say = (button, words) => {
  const place = button.closest(".copy")?.querySelector("[role=status]");
  if (!place) return;
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = words; });
};

const copy = async (button) => {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say(button, button.dataset.done);
  } catch {
    // Refused, or no secure context: select it, so that the reader's own copy command works.
    getSelection().selectAllChildren(button.closest(".copy").querySelector(".copy__value"));
    say(button, button.dataset.failed);
  }
};

const download = (button) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([button.dataset.download], { type: "text/plain" }));
  link.download = button.dataset.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  say(button, button.dataset.done);
};

const addShowButton = (box) => {
  const input = box.querySelector("input");
  const button = document.createElement("button");
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? box.dataset.hide : box.dataset.show;
    button.setAttribute("aria-label", shown ? box.dataset.hideLabel : box.dataset.showLabel);
  };
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => show(input.type === "password"));
  // Sent as a password field, or the browser would remember it as ordinary text.
  input.form?.addEventListener("submit", () => show(false));
  show(false);
  box.append(button);
};

// The server tells times: it is told once in which zone this browser is. Without that pages name the zone they tell.
const tellZone = () => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  if (zone) document.cookie = `twofold_zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
};

const actions = { copy, download, print: () => window.print() };

for (const [name, act] of Object.entries(actions)) {
  for (const button of document.querySelectorAll(`button[data-${name}]`)) {
    button.addEventListener("click", () => act(button));
    reveal(button);
  }
}
document.querySelectorAll(".password").forEach(addShowButton);
tellZone();
document.querySelectorAll("form[data-send]").forEach((form) => form.submit());
