"""How a page looks, light and dark, and the one thing that it does: search."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #59636e; --paper: #ffffff; --card: #f6f8fa; --line: #d1d9e0;
  --good: #1a7f37; --bad: #c0212b; --warn: #8a5a00; --out: #ffe2e0; --in: #d2f5da; --bar: #2f6fd0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --paper: #0d1117; --card: #161b22;
  --line: #30363d; --good: #56d364; --bad: #ff7b72; --warn: #e3b341; --out: #5a1e1e; --in: #12452a; --bar: #6cb0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1.25rem 2rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
p { margin: .25rem 0; }
.lead { font-size: 1.1rem; margin: .75rem 0; }
.note, footer, .where { color: var(--soft); }
.notice { border-left: 4px solid var(--warn); padding: .4rem .8rem; background: var(--card); margin: .75rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.75rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.tile { display: flex; flex-direction: column-reverse; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; padding: .5rem .75rem; }
.tile dt { color: var(--soft); }
.tile dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
.tile.good dd { color: var(--good); } .tile.bad dd { color: var(--bad); } .tile.warn dd { color: var(--warn); }
.tile.none dd { color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; }
td { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.bars th, .bars td { border: 0; padding: .1rem .6rem .1rem 0; white-space: nowrap; }
.bars th { width: 1%; font-weight: 400; } .bars .number { width: 1%; text-align: right; } .bars .where { width: 1%; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
meter { width: 100%; height: 1rem; appearance: none; background: var(--card); border: 0; }
meter::-webkit-meter-bar { background: var(--card); border: 0; height: 1rem; border-radius: .2rem; }
meter::-webkit-meter-optimum-value { background: var(--bar); border-radius: .2rem; }
meter::-moz-meter-bar { background: var(--bar); }
code { font: .92em/1.4 ui-monospace, "SFMono-Regular", Menlo, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
del { background: var(--out); text-decoration-thickness: 1px; } ins { background: var(--in); text-decoration: none; }
.texts { list-style: none; margin: 0; padding: 0; }
.texts li { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; margin: 0 0 .6rem; }
.said { font-size: 1.05rem; margin: .15rem 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.search { position: sticky; top: 0; background: var(--paper); padding: .6rem 0; margin-top: 1.25rem; }
.search[hidden], [data-found][hidden] { display: none; }
input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .4rem;
  padding: .3rem .6rem; width: min(24rem, 100%); }
:focus-visible { outline: 2px solid var(--bar); outline-offset: 1px; }
footer { max-width: 66rem; margin: 0 auto; padding: 1rem 1.25rem 2rem; font-size: .85rem; overflow-wrap: anywhere; }
.sign { font-weight: 700; } .action { white-space: nowrap; }
.bad { color: var(--bad); } .warn { color: var(--warn); } .good { color: var(--good); }
"""

SCRIPT = """
"use strict";
const field = document.getElementById("search");
if (field) {
  const items = [...document.querySelectorAll("[data-found]")];
  const words = items.map((item) => item.textContent.toLowerCase());
  const told = document.querySelector("output");
  field.parentElement.hidden = false;
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    items.forEach((item, at) => {
      item.hidden = !wanted.every((word) => words[at].includes(word));
      shown += item.hidden ? 0 : 1;
    });
    told.textContent = wanted.length ? `${shown} of ${items.length}` : "";
  });
}
"""
