// What can be computed of a page as it is laid out. Each check returns the findings, in words.
"use strict";

globalThis.looks = (() => {
  const SLACK = 1;  // px: layout rounds
  const HIDDEN = ".unseen, .skip, svg, script, style, [hidden]";
  const shown = (e) => e.getClientRects().length > 0 && !e.closest(HIDDEN) && e.checkVisibility({ visibilityProperty: true });
  const cut = (e) => e.closest("thead") && getComputedStyle(e.closest("thead")).position === "absolute";
  const brief = (e) => `<${e.tagName.toLowerCase()}${e.className ? ` class="${e.className}"` : ""}> ${(e.textContent || e.id).trim().replace(/\s+/g, " ").slice(0, 50)}`;

  const texts = () => {
    const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.data.trim() && shown(node.parentElement) && !cut(node.parentElement)) found.push(node);
    }
    return found;
  };

  const boxOf = (e) => {
    while (/^(inline|contents)$/.test(getComputedStyle(e).display)) e = e.parentElement;
    return e;
  };

  const rects = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()].filter((r) => r.width > 0 && r.height > 0);
  };

  const overflow = () => {
    const root = document.documentElement, found = new Set(), lines = [];
    if (root.scrollWidth > root.clientWidth) found.add(`the page is ${root.scrollWidth - root.clientWidth} px too wide`);
    for (const node of texts()) {
      const parent = node.parentElement, box = boxOf(parent), frame = box.getBoundingClientRect();
      const slack = parseFloat(getComputedStyle(parent).fontSize) * 0.3;  // letters reach above and below their line
      for (const r of rects(node)) {
        if (r.left < -SLACK || r.right > root.clientWidth + SLACK) found.add(`outside of the page: ${brief(parent)}`);
        if (r.left < frame.left - SLACK || r.right > frame.right + SLACK) found.add(`wider than its box: ${brief(box)}`);
        if (r.top < frame.top - slack || r.bottom > frame.bottom + slack) found.add(`higher than its box: ${brief(box)}`);
        lines.push({ node, parent, left: r.left, right: r.right, top: r.top + r.height / 8, bottom: r.bottom - r.height / 8 });
      }
    }
    for (const e of document.querySelectorAll("body *")) {
      if (!shown(e) || cut(e) || getComputedStyle(e).overflow === "visible" || e.matches("input, textarea")) continue;
      if (e.scrollWidth > e.clientWidth + SLACK || e.scrollHeight > e.clientHeight + SLACK) found.add(`cut: ${brief(e)}`);
    }
    lines.sort((a, b) => a.top - b.top);
    lines.forEach((a, i) => {
      for (let j = i + 1; j < lines.length && lines[j].top < a.bottom - SLACK; j++) {
        const b = lines[j];
        if (a.node !== b.node && Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK) {
          found.add(`over one another: ${brief(a.parent)} and ${brief(b.parent)}`);
        }
      }
    });
    return [...found];
  };

  // A link in a sentence is as high as the sentence (WCAG 2.5.5, exception "inline").
  const inSentence = (e) => {
    if (e.tagName !== "A" || getComputedStyle(e).display !== "inline") return false;
    return texts().some((node) => !node.parentElement.closest("a") && boxOf(node.parentElement) === boxOf(e));
  };

  const targets = () => {
    const found = new Set();
    for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
      if (!shown(e) || inSentence(e)) continue;
      const r = (e.matches("[type=checkbox], [type=radio]") ? e.closest("label") : e).getBoundingClientRect();
      if (r.height < 43.5 || r.width < 43.5) found.add(`${Math.round(r.width)} x ${Math.round(r.height)} px: ${brief(e)}`);
    }
    return [...found];
  };

  // The head of a table goes where its cells carry its words themselves.
  const said = () => texts().filter((node) => !node.parentElement.closest("thead")).map((node) => node.data.trim());

  // 40 % more letters in each word, as a translation has.
  const longer = () => {
    const grow = (text) => text.replace(/\p{L}+/gu, (word) => word + word.slice(0, Math.ceil(word.length * 0.4)));
    const before = texts().filter((node) => !node.parentElement.closest("[translate=no]")).map((node) => [node, node.data]);
    const labels = [...document.querySelectorAll("[data-label]")].map((e) => [e, e.dataset.label]);
    before.forEach(([node, data]) => { node.data = grow(data); });
    labels.forEach(([e, label]) => { e.dataset.label = grow(label); });
    const found = overflow();
    before.forEach(([node, data]) => { node.data = data; });
    labels.forEach(([e, label]) => { e.dataset.label = label; });
    return found;
  };

  // WCAG 1.4.12, Text Spacing: what a reader may set without losing anything.
  const SPACING = new CSSStyleSheet();
  SPACING.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
    p { margin-block-end: 2em !important; }`);
  const spaced = () => {
    document.adoptedStyleSheets = [SPACING];
    const found = overflow();
    document.adoptedStyleSheets = [];
    return found;
  };

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(colour);
  };
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return rgba("Canvas");
  };
  const contrast = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };

  const contrasts = () => {
    const found = new Set();
    for (const node of texts()) {
      const ratio = contrast(rgba(getComputedStyle(node.parentElement).color), ground(node.parentElement));
      if (ratio < 4.5) found.add(`${ratio.toFixed(2)}: ${brief(node.parentElement)}`);
    }
    return [...found];
  };

  // Where the reader's own few colours stand in the place of ours, edges and drawings have to be seen still.
  const EDGED = ".button:not(.button--quiet), input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea, .badge, .notice, .warning, .summary-of-errors";
  const edges = () => {
    const found = new Set(contrasts());
    for (const e of document.querySelectorAll(EDGED)) {
      const style = getComputedStyle(e), colour = rgba(style.borderInlineStartColor);
      const seen = parseFloat(style.borderInlineStartWidth) >= 1 && style.borderInlineStartStyle !== "none" && contrast(colour, ground(e.parentElement)) >= 3;
      if (shown(e) && !seen) found.add(`no edge: ${brief(e)}`);
    }
    for (const e of document.querySelectorAll("svg path, svg rect, svg polyline, svg line:not(.plot__grid)")) {
      const { fill, stroke } = getComputedStyle(e), colour = stroke === "none" ? fill : stroke;
      if (e.getClientRects().length && contrast(rgba(colour), ground(e)) < 3) found.add(`not seen: ${e.outerHTML.slice(0, 60)}`);
    }
    const [here, elsewhere] = [document.querySelector(".nav [aria-current]"), document.querySelector(".nav a:not([aria-current])")];
    if (here && elsewhere && getComputedStyle(here).borderBlockEndColor === getComputedStyle(elsewhere).borderBlockEndColor) {
      found.add("where one is looks like where one is not");
    }
    return [...found];
  };

  // What is wrong takes the focus, and is heard at its field.
  const errors = () => {
    const summary = document.querySelector(".summary-of-errors"), found = [];
    if (!summary) return document.title.startsWith("Error:") ? ["no summary"] : [];
    const active = document.activeElement, sentences = [...summary.querySelectorAll("li")];
    const one = sentences.length === 1 && sentences[0].querySelector("a");
    const wrong = one && document.getElementById(one.hash.slice(1));
    const retyped = active.type === "password" && wrong && active.compareDocumentPosition(wrong) & Node.DOCUMENT_POSITION_FOLLOWING;
    const focused = one ? active === wrong || active.name === wrong?.name || retyped : active === summary;
    if (!focused) found.push(`the focus is on ${brief(active)}`);
    const told = new Set();
    for (const e of document.querySelectorAll("main :is(input, select, textarea, fieldset)[aria-describedby]")) {
      e.getAttribute("aria-describedby").split(" ").forEach((id) => told.add(id));
    }
    for (const line of sentences) {
      const link = line.querySelector("a"), name = link?.hash.slice(1);
      const field = link && document.getElementById(name), group = field?.type === "radio" ? field.closest("fieldset") : field;
      if (link && !field) found.push(`leads nowhere: ${link.hash}`);
      if (group && group.getAttribute("aria-invalid") !== "true") found.push(`not said to be wrong: ${name}`);
      if (group && !(group.getAttribute("aria-describedby") || "").includes(`${name}-error`)) found.push(`not described: ${name}`);
      if (!link && document.querySelector("main form .field") && !told.has(line.id)) found.push(`describes no field: ${line.textContent}`);
    }
    return found;
  };

  // All rules of axe-core but its experiments; best practices are among them. Contrast is computed here, for light and dark.
  const rules = async () => {
    const ran = await axe.run(document, { resultTypes: ["violations"], rules: { "color-contrast": { enabled: false } } });
    return ran.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 160)}`));
  };

  // What is looked at as a page comes, and in each way of laying it out.
  // A page with an error gives the focus away when it is laid out, which on a slow machine is a moment later.
  const focused = async () => {
    for (let left = 100; left && document.title.startsWith("Error") && document.activeElement === document.body; left--) {
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  const loaded = async () => {
    await focused();
    return { errors: errors(), axe: await rules() };
  };
  const wide = () => ({ targets: targets(), contrast: contrasts(), overflow: overflow(), spaced: spaced(), longer: longer(), said: said() });
  const zoomed = () => ({ zoomed: overflow() });
  const narrow = () => ({ targets: targets(), narrow: overflow(), spaced: spaced(), longer: longer(), narrowSaid: said() });
  const dark = () => ({ contrast: [...contrasts(), ...(light(ground(document.body)) < 0.1 ? [] : ["the page is not dark"])] });
  const forced = () => ({ forced: edges() });
  return { loaded, wide, zoomed, narrow, dark, forced };
})();
