"""The look of the drift page."""

from churn_assets.plots.style import BLUE, GRID, INK, ORANGE, QUIET

STYLE = f"""
body {{ font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: {INK}; background: #fff;
  max-width: 1060px; margin: 0 auto; padding: 24px 20px 48px; }}
h1 {{ font-size: 24px; margin: 0; }}
h2 {{ font-size: 17px; margin: 28px 0 8px; }}
header p {{ color: {QUIET}; margin: 2px 0 16px; }}
.verdict {{ border-left: 6px solid {BLUE}; background: #f3f6f9; padding: 12px 18px; }}
.verdict h2 {{ margin: 0 0 2px; font-size: 18px; }}
.verdict p {{ margin: 0; }}
.verdict.medium {{ border-color: #c9a227; background: #fbf7ea; }}
.verdict.high, .verdict.critical {{ border-color: {ORANGE}; background: #fcf2ea; }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 12px 44px; margin: 20px 0 0; }}
.tiles b {{ display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }}
.tiles span {{ color: {QUIET}; font-size: 13px; }}
table {{ border-collapse: collapse; width: 100%; font-size: 13.5px; }}
th {{ text-align: left; color: {QUIET}; font-weight: 500; padding: 4px 10px 4px 0; border-bottom: 1px solid {GRID}; }}
td {{ padding: 6px 10px 6px 0; border-bottom: 1px solid {GRID}; vertical-align: middle; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
td.n + td:last-child, th.n + th:last-child {{ padding-left: 18px; padding-right: 0; }}
svg {{ display: block; max-width: 100%; height: auto; }}
.pill {{ border-radius: 9px; padding: 1px 9px; font-size: 12px; background: #e8edf1; white-space: nowrap; }}
.pill.alarm {{ background: {ORANGE}; color: #fff; }}
.pill.warn {{ background: #f3e6b3; }}
details {{ margin-top: 24px; }}
summary {{ cursor: pointer; font-weight: 600; padding: 4px 0; }}
.legend {{ color: #4b5a66; font-size: 13.5px; }}
dt {{ font-weight: 600; float: left; width: 64px; }}
dd {{ margin: 0 0 6px 72px; }}
"""
