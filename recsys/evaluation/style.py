"""The report's style sheet: light and dark, phone and print."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --dim: #5d6675; --line: #dde1e8; --page: #fbfbfc; --card: #fff;
  --ours: #1f5fbf; --other: #8a93a3; --good: #1d7a4c; --bad: #b3352c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --dim: #9aa3b2; --line: #323946; --page: #14171c;
  --card: #1c2027; --ours: #7fb0ff; --other: #7d8797; --good: #6fd0a0; --bad: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1rem 3rem; max-width: 62rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .2rem 0 .8rem; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
h3 { font-size: .95rem; margin: .8rem 0 .2rem; }
p { margin: .3rem 0 .6rem; max-width: 46rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0; }
.headline { font-size: 1.15rem; max-width: none; }
.note { color: var(--dim); font-size: .86rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; overflow-wrap: normal; }
th, td { padding: .3rem .7rem .3rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; vertical-align: bottom; white-space: normal; line-height: 1.25; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 8rem; }
tr:last-child td { border-bottom: 0; }
small { color: var(--dim); display: block; font-size: .82em; line-height: 1.2; }
.ours { color: var(--ours); font-weight: 600; }
.better { color: var(--good); }
.worse { color: var(--bad); }
.plot { display: grid; grid-template-columns: minmax(7rem, 14rem) 1fr auto; gap: .25rem .8rem; align-items: center;
  font-size: .9rem; }
.plot > b { font-weight: 400; text-align: right; }
.plot svg { width: 100%; height: 1.1rem; display: block; color: var(--other); }
.plot .ours + svg, .plot svg.ours { color: var(--ours); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: .5rem 1.2rem; }
.charts svg { width: 100%; height: auto; color: var(--ours); display: block; }
.charts text, .pareto text { fill: var(--dim); font-size: 11px; }
.pareto svg { width: 100%; height: auto; color: var(--ours); display: block; }
.strip { display: flex; margin: .4rem 0; font-size: .82rem; border-radius: .3rem; overflow: hidden; }
.strip span { padding: .25rem .4rem; border-right: 2px solid var(--card); color: #fff; background: #6c7789;
  overflow: hidden; white-space: nowrap; min-width: 3.6rem; }
.strip span:nth-child(2) { background: #3f6ca8; }
.strip span:nth-child(3) { background: #1c6b46; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; font-size: .9rem; }
dt { color: var(--dim); }
dd { margin: 0; }
@media (max-width: 36rem) {
  body { padding: .6rem .6rem 2rem; }
  section { padding: .8rem; }
  .plot { grid-template-columns: 1fr auto; gap: 0 .6rem; grid-auto-flow: dense; }
  .plot svg { grid-column: 1 / -1; margin-bottom: .4rem; }
  .plot > b { grid-column: 2; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --dim: #444; --line: #bbb; --page: #fff; --card: #fff; --ours: #1f5fbf;
    --other: #777; --good: #1d7a4c; --bad: #b3352c; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  section { border: 0; padding: 0; break-inside: avoid; }
  .wide { overflow: visible; }
  table { font-size: 7.5pt; }
  th, td { padding-right: .4rem; }
  * { print-color-adjust: exact; }
}
""".strip()
