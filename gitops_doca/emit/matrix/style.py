"""The style of the matrix page: light and dark, on paper, on a phone and with many columns."""

STYLE = """\
:root {
  --page: #fff; --text: #1c1e21; --quiet: #5a5f66; --line: #d5d9de; --head: #f4f5f7; --mark: #0b57d0;
  --yes: #dbf3e1; --yes-text: #0d5524; --compiles: #fdf0cd; --compiles-text: #664400;
  --no: #fbdedc; --no-text: #85180f; --unknown: #e6e7ec; --unknown-text: #3f4350;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171a; --text: #e6e8eb; --quiet: #a3a9b1; --line: #3a3f46; --head: #1f2226; --mark: #8ab4f8;
    --yes: #12381f; --yes-text: #9be3b0; --compiles: #3d2f08; --compiles-text: #f2d184;
    --no: #47171a; --no-text: #ffb3ac; --unknown: #2d3038; --unknown-text: #cdd0da;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
main { padding: 1.25rem clamp(0.75rem, 3vw, 2.5rem) 3rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
h2 { font: 600 1.05rem/1.4 ui-monospace, monospace; margin: 2rem 0 0.5rem; overflow-wrap: anywhere; }
.findings { list-style: none; margin: 0 0 1.25rem; padding: 0; }
.findings li { border-left: 4px solid var(--line); margin: 0.25rem 0; padding: 0.25rem 0.75rem; }
.findings li { overflow-wrap: anywhere; }
.findings li:first-child { border-color: var(--mark); font-weight: 600; }
.scroll { overflow-x: auto; max-width: 100%; margin: 0 0 1.25rem; }
.scroll:focus-visible { outline: 2px solid var(--mark); }
table { border-collapse: separate; border-spacing: 0; }
caption { text-align: left; color: var(--quiet); padding: 0 0 0.4rem; position: sticky; left: 0; }
th, td { border-bottom: 1px solid var(--line); padding: 0.3rem 0.6rem; }
th, td { text-align: left; white-space: nowrap; }
thead th { border-bottom-width: 2px; vertical-align: bottom; color: var(--quiet); font-weight: 600; }
tbody th { font: 500 0.86rem/1.45 ui-monospace, monospace; }
tbody th, thead th:first-child { position: sticky; left: 0; background: var(--page); }
tbody tr:hover > * { border-color: var(--mark); }
.version { padding: 0.4rem 0.3rem; text-align: center; color: var(--text); }
.version span { writing-mode: vertical-rl; transform: rotate(180deg); }
.version span { font: 500 0.8rem/1.2 ui-monospace, monospace; }
.version .badge { display: table; margin: 0.3rem auto 0; }
.badge {
  border: 1px solid var(--mark); border-radius: 0.6rem; color: var(--mark);
  font: 600 0.72rem/1.3 system-ui, sans-serif; padding: 0 0.4rem;
}
.number { text-align: right; }
.precompiled, .compiled, .missing, .unknown {
  border-left: 1px solid var(--page); font-size: 0.86rem; text-align: center;
  min-width: 3.2rem; padding: 0.3rem 0.25rem;
}
.precompiled { background: var(--yes); color: var(--yes-text); }
.compiled { background: var(--compiles); color: var(--compiles-text); }
.missing { background: var(--no); color: var(--no-text); font-weight: 600; }
.unknown { background: var(--unknown); color: var(--unknown-text); font-weight: 600; }
.aside { color: var(--quiet); margin: -0.75rem 0 1.25rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.4rem 1.5rem; margin: 0; color: var(--quiet); }
.legend div { display: flex; gap: 0.5rem; align-items: baseline; }
.legend dt { min-width: 3rem; padding: 0 0.5rem; border-radius: 0.25rem; }
.legend dd { margin: 0; }
@media (max-width: 40rem) {
  body { font-size: 14px; }
  th, td { padding: 0.3rem 0.4rem; }
  .pools tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 8.5rem; max-width: 11rem; }
  .versions td:last-child { white-space: normal; overflow-wrap: anywhere; min-width: 11rem; }
}
@media print {
  .scroll { overflow: visible; }
  td, dt, .badge { print-color-adjust: exact; }
}
"""
