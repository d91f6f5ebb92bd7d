"""Curves as one SVG that reads well on light and dark pages."""

STYLE = '''text { font: 12px system-ui, sans-serif; fill: #1d2329 } .grid { stroke: #e2e4e4 } .c0 { stroke: #1f6fb2; fill: #1f6fb2 }
.c1 { stroke: #d1661a; fill: #d1661a } .c2 { stroke: #2e8b57; fill: #2e8b57 } .c3 { stroke: #8a8f94; fill: #8a8f94 }
polyline { fill: none !important; stroke-width: 2 } polygon { opacity: .2; stroke: none }
@media (prefers-color-scheme: dark) { text { fill: #e4e7ea } .grid { stroke: #2c333a } }'''
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 360, 56, 16, 28, 34
MARKS = 4  # of each axis, beside its zero


def line_chart(title, curves, x_text='{:.0f}', y_text='{:.1f}', legend_left=False):
    """`curves` is {name: [(x, y, lowest, highest)]}, four at most: lines on bands. None where there is no point."""
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return None
    most, low, high = max(p[0] for p in points), min(p[2] for p in points), max(p[3] for p in points)
    high = high if high > low else low + 1

    def at(x, y):
        return (f'{LEFT + (WIDTH - LEFT - RIGHT) * x / most:.1f},'
                f'{TOP + (HEIGHT - BOTTOM - TOP) * (high - y) / (high - low):.1f}')

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">', f'<style>{STYLE}</style>',
           f'<text x="{LEFT}" y="14">{title}</text>']
    for i in range(MARKS + 1):
        y = low + (high - low) * i / MARKS
        height = at(0, y).split(',')[1]
        svg += [f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height}" y2="{height}"/>',
                f'<text x="{LEFT - 8}" y="{float(height) + 4:.1f}" text-anchor="end">{y_text.format(y)}</text>']
        x = most * i / MARKS
        svg.append(f'<text x="{at(x, low).split(",")[0]}" y="{HEIGHT - 12}" text-anchor="middle">{x_text.format(x)}</text>')
    left = LEFT + 12 if legend_left else WIDTH - 250
    for i, (name, curve) in enumerate(curves.items()):
        band = [at(p[0], p[3]) for p in curve] + [at(p[0], p[2]) for p in reversed(curve)]
        svg += [f'<polygon class="c{i}" points="{" ".join(band)}"/>',
                f'<polyline class="c{i}" points="{" ".join(at(p[0], p[1]) for p in curve)}"/>',
                f'<rect class="c{i}" x="{left}" y="{TOP + 8 + 20 * i}" width="16" height="4"/>',
                f'<text x="{left + 24}" y="{TOP + 14 + 20 * i}">{name}</text>']
    return '\n'.join(svg + ['</svg>']) + '\n'
