"""The style of a report: light and dark as the reader has it, light on paper. The colours are the window's."""

_LIGHT = """--panel: #ffffff; --card: #f5f6f8; --text: #1a1d21; --secondary: #57606b; --line: #dde1e6;
  --accent: #1b62d1; --original: #77818e; --third: #a13a8c;
  --bad: #c0272d; --bad-tint: #fde7e6; --grid: #eceff2; --axis: #98a1ac;"""
_DARK = """--panel: #181b1f; --card: #20242a; --text: #e8eaed; --secondary: #a4acb7; --line: #2a2f36;
  --accent: #6aa5ff; --original: #8d97a5; --third: #e59ad3;
  --bad: #ff7f76; --bad-tint: #3d1d1c; --grid: #262b31; --axis: #59626e;"""

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
@media print {{ :root {{ color-scheme: light; {_LIGHT} }} }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1.25rem;
  background: var(--panel); color: var(--text); font-variant-numeric: tabular-nums; }}
h1 {{ font-size: 1.45rem; margin: 0 0 .8rem }} h2 {{ font-size: 1.05rem; margin: 2.2rem 0 .5rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }}
th {{ font-weight: 600; color: var(--secondary) }} .n {{ text-align: right; white-space: nowrap }}
.bad {{ border-left: 4px solid var(--bad); background: var(--bad-tint); padding: .5rem .8rem; margin: .5rem 0 }}
.note {{ color: var(--secondary); font-size: .87rem }} p.note {{ margin: 0 0 .5rem }}
.cards {{ display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 }}
.card {{ background: var(--card); border-radius: 6px; padding: .7rem .9rem; flex: 1 1 15rem }}
.big {{ font-size: 1.4rem; font-weight: 600 }} .delta {{ font-size: .9rem; color: var(--accent) }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; padding: .8rem; border: 1px solid var(--line);
  border-radius: 6px; background: var(--card) }}
figure {{ margin: .6rem 0 }} svg {{ max-width: 100%; height: auto }} figure svg {{ width: 100% }}
details {{ margin: .6rem 0 }} summary {{ cursor: pointer; color: var(--accent) }}
svg text {{ font: 11px system-ui, sans-serif; fill: var(--secondary) }}
svg text.label {{ fill: var(--text); font-weight: 600; paint-order: stroke; stroke: var(--panel); stroke-width: 4 }}
svg text.end {{ text-anchor: end }} svg text.middle {{ text-anchor: middle }}
svg .grid {{ stroke: var(--grid) }} svg .axis {{ stroke: var(--axis) }}
svg .line {{ fill: none; stroke-width: 2; stroke-linejoin: round }}
svg polyline.result {{ stroke: var(--accent) }} svg polyline.third {{ stroke: var(--third); stroke-dasharray: 4 2 }}
svg rect.result {{ fill: var(--accent); fill-opacity: .85 }} svg rect.original {{ fill: var(--original) }}
svg rect.weight {{ fill: var(--original); fill-opacity: .45 }}
svg .dot {{ fill: var(--accent); stroke: var(--panel); stroke-width: 1.5 }}
svg .ring {{ fill: var(--panel); stroke: var(--third); stroke-width: 2 }}
svg .whisker {{ fill: none; stroke: var(--text) }}
@media print {{ body {{ margin: 0; max-width: none; font-size: 11pt }} section, tr, figure {{ break-inside: avoid }}
  h2 {{ break-after: avoid }} .card {{ border: 1px solid var(--line) }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact }} }}
"""
