// Keys, which can be switched off, remembering whether texts are shown, asking again for what is worked out, and keeping the progress of a live run up to date.
// Every page works without it. It reads attributes that our templates wrote, and never any text.
"use strict";

let leaving = false;

const shortcuts = document.getElementById("shortcuts");
shortcuts.parentElement.hidden = false;
shortcuts.addEventListener("change", () => choose("shortcuts", shortcuts.checked));

// Tells the session what its person chose: kept there, as at another port of this machine a page can set cookies.
function choose(name, on) {
  fetch("/session", { method: "POST", keepalive: true, body: new URLSearchParams({ [name]: on ? 1 : 0 }) }).catch(() => {});
}

document.addEventListener("keydown", (event) => {
  if (!shortcuts.checked) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || leaving) return;
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const scrolled = event.target.closest(".text");
  if (scrolled && event.key.startsWith("Arrow") && scrolled.scrollWidth > scrolled.clientWidth) return;
  for (const one of document.querySelectorAll("[data-keys]")) {
    if (!one.dataset.keys.split(" ").includes(event.key)) continue;
    event.preventDefault();
    if (one.matches("input[type=search]")) one.focus();
    else one.click();
    return;
  }
});

document.addEventListener("submit", () => { leaving = true; });
window.addEventListener("pageshow", () => { leaving = false; });

const reveal = document.getElementById("reveal");
reveal.addEventListener("change", () => choose("shown", reveal.checked));

const again = document.querySelector("meta[name=again]");
if (again) setTimeout(() => location.reload(), 1000 * again.content);

const panel = document.querySelector("[data-progress]");
if (panel) {
  const begun = Number(panel.querySelector("progress").value);
  const timer = setInterval(async () => {
    let now;
    try {
      const answer = await fetch(panel.dataset.progress);
      if (!answer.ok) return;
      now = await answer.json();
    } catch { return; }
    if (now.done === undefined) return;
    panel.querySelector("progress").value = now.done;
    panel.querySelector("[data-done]").textContent = now.done.toLocaleString("en");
    panel.querySelector("[data-said]").textContent = now.said;
    if (now.left === 0 && begun !== now.done) { clearInterval(timer); location.reload(); }
  }, 2000);
}
