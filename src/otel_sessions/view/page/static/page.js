"use strict";
// What a page does beyond being read: it stays up to date, and takes keys. Without this script nothing is missing.
(() => {
  const main = document.getElementById("main");
  const notice = document.getElementById("notice");
  const state = document.getElementById("live");

  // One tree becomes another one, in its own nodes: scroll, focus, selection and what is unfolded stay.
  const keyOf = (node) => (node.nodeType === 1 && (node.dataset.key ?? node.id)) || null;
  const alike = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
  function morph(from, to) {
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from.hasAttribute("data-keep") || from.isEqualNode(to)) return;
    const stays = (name) => name === "open" && from.nodeName === "DETAILS";
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !stays(name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes)
      if (from.getAttribute(name) !== value && !stays(name)) from.setAttribute(name, value);
    children(from, to);
  }
  function children(from, to) {
    const wanted = new Set([...to.childNodes].map(keyOf));
    const known = new Map();
    for (const child of [...from.childNodes]) {
      const key = keyOf(child);
      if (key && !wanted.has(key)) child.remove();
      else if (key) known.set(key, child);
    }
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      const key = keyOf(next);
      const match = key ? known.get(key) : at;
      if (match && alike(match, next)) {
        if (match === at) at = at.nextSibling;
        else from.insertBefore(match, at);
        morph(match, next);
      } else {
        const added = document.importNode(next, true);
        if (key && added.dataset.key !== undefined) added.classList.add("new");
        from.insertBefore(added, at);
      }
    }
    while (at) {
      const after = at.nextSibling;
      at.remove();
      at = after;
    }
  }

  // Live: a number says that something has changed; then this page is read again.
  const GAP = 300;
  let shown = main.dataset.revision;
  let pending = null;
  let reading = false;
  let again = false;
  let lastRead = 0;
  const rowsOf = (root) => [...root.querySelectorAll("#rows [data-key]")].map((row) => row.dataset.key);
  const isPointedAt = () => document.querySelector("#rows tbody:hover") && matchMedia("(hover: hover)").matches;
  const isSelecting = () => !getSelection().isCollapsed && main.contains(getSelection().anchorNode);
  function show() {
    const page = pending;
    pending = null;
    notice.hidden = true;
    if (!page) return;
    const focused = document.activeElement;
    morph(main, page.getElementById("main"));
    document.title = page.title;
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    dress();
    document.dispatchEvent(new Event("page:shown"));
  }
  function offer() {
    const now = rowsOf(document);
    const then = rowsOf(pending);
    const moves = now.length !== then.length || now.some((key, at) => key !== then[at]);
    if (!(moves && isPointedAt()) && !isSelecting()) return show();
    const known = new Set(now);
    const fresh = then.filter((key) => !known.has(key)).length;
    notice.textContent = fresh ? `${fresh} new` : "Changed";
    notice.title = "Show what has come";
    notice.hidden = false;
  }
  async function read() {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    const wait = lastRead + GAP - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    again = false;
    lastRead = performance.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok || answer.status === 404) {
        pending = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (pending.getElementById("main")) {
          shown = pending.getElementById("main").dataset.revision;
          offer();
        }
      }
    } catch {
      // The server is gone; the stream tells when it is back.
    }
    reading = false;
    if (again) read();
  }
  let stream = null;
  let later = 0;
  const tell = (isLive) => {
    state.textContent = isLive ? "live" : "not live";
    state.classList.toggle("on", isLive);
  };
  function listen() {
    clearTimeout(later);
    if (stream || document.hidden || shown === undefined) return;
    stream = new EventSource("/live");
    stream.onopen = () => tell(true);
    stream.onmessage = (event) => {
      if (event.data !== shown) read();
    };
    stream.onerror = () => {
      tell(false);
      if (stream.readyState !== EventSource.CLOSED) return;
      stream = null;
      later = setTimeout(listen, 5000);
    };
  }
  function leave() {
    clearTimeout(later);
    if (stream) stream.close();
    stream = null;
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", listen);
  notice.addEventListener("click", show);
  // Who leaves the rows may be on the way to the notice.
  let leaving = 0;
  const isFree = () => pending && !isPointedAt() && !isSelecting();
  document.addEventListener("pointerover", () => {
    clearTimeout(leaving);
    if (isFree()) leaving = setTimeout(() => isFree() && !notice.matches(":hover") && show(), 400);
  });
  document.documentElement.addEventListener("pointerleave", () => isFree() && show());
  document.addEventListener("selectionchange", () => isFree() && show());

  // Times stay true, and say the hour of this place.
  function clock() {
    for (const time of main.querySelectorAll("time[data-ago]")) {
      const seconds = Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000);
      const [unit, size] = seconds < 60 ? ["s", 1] : seconds < 3600 ? ["min", 60] : seconds < 86400 ? ["h", 3600] : ["d", 86400];
      const said = `${Math.floor(seconds / size).toLocaleString("en")} ${unit} ago`;
      if (time.textContent !== said) time.textContent = said;
      time.title = new Date(time.dateTime).toLocaleString();
    }
  }
  setInterval(() => document.hidden || clock(), 5000);

  // What is to be copied has a button for it.
  function dress() {
    clock();
    for (const block of main.querySelectorAll("pre[data-copy]")) {
      if (block.previousElementSibling?.matches(".copy") || !navigator.clipboard) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "plain copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 1500);
      });
      block.before(button);
    }
  }

  // What a form does not ask for stays out of the address.
  document.addEventListener("submit", (event) => {
    for (const field of event.target.elements) if (field.name && !field.value) field.disabled = true;
  });
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("input:disabled")) field.disabled = false;
  });

  // Keys: j and k go through what can be opened, enter opens it, esc goes out, / searches.
  const stops = () => [...main.querySelectorAll("a.row, [data-stop], .spans summary")].filter((each) => each.checkVisibility?.() ?? true);
  function step(by) {
    const all = stops();
    const at = all.findIndex((each) => each === document.activeElement || each.contains(document.activeElement));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    if (!next) return;
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }
  function out() {
    const active = document.activeElement;
    const unfolded = active?.closest("details[open]");
    if (active?.matches("input, select, textarea")) active.blur();
    else if (unfolded && main.contains(unfolded)) {
      unfolded.open = false;
      unfolded.querySelector("summary").focus();
    } else if (active && active !== document.body && active !== main) active.blur();
    else document.querySelector("a[data-up]")?.click();
  }
  const search = () => (document.querySelector("input[type=search]") ?? { focus() {} }).focus();
  const keys = { j: () => step(1), k: () => step(-1), Escape: out, "/": search };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.key !== "Escape" && event.target.matches?.("input, select, textarea, [contenteditable]")) return;
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  dress();
  listen();
})();
