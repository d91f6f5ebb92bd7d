#include "train/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/number_text.h"

namespace gshard {
namespace {

constexpr size_t kMostPoints = 400;

constexpr double kWidth = 640, kHeight = 260;
constexpr double kLeft = 64, kRight = 12, kTop = 12, kBottom = 30;

// Values to places: a range of numbers on a range of pixels.
struct Scale {
  double low = 0, high = 1;
  double from = 0, to = 1;

  double operator()(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

Scale scale_of(Range range, double from, double to) {
  if (range.low == range.high) {
    const double around = range.low == 0 ? 1 : std::abs(range.low) * 0.1;
    range = {range.low - around, range.high + around};
  }
  return {range.low, range.high, from, to};
}

std::string tick_text(double value) {
  if (value == 0) return "0";
  if (std::abs(value) >= 1e15) return fmt::format("{:.3g}", value);
  if (std::abs(value) >= 1000) return with_separators(std::llround(value));
  return std::abs(value) < 1e-4 ? fmt::format("{:.0e}", value) : fmt::format("{:.4g}", value);
}

std::string text_at(double x, double y, std::string_view css, std::string_view text) {
  return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", css, x, y, escaped(text));
}

// A figure around what is drawn, with its title and, in HTML, what stands beside that.
std::string figure(std::string_view title, const std::string& keys, Point size, const std::string& drawing) {
  return fmt::format(
      "<figure class=\"chart\">\n<figcaption>{}{}</figcaption>\n"
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n</figure>\n",
      escaped(title), keys, size.x, size.y, escaped(title), drawing);
}

std::string axes(const Scale& x, const Scale& y) {
  std::string svg;
  for (const double tick : ticks_between(y.low, y.high, 5)) {
    svg += fmt::format("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x.from, x.to,
                       y(tick), y(tick));
    svg += text_at(x.from - 6, y(tick) + 4, "end", tick_text(tick));
  }
  for (const double tick : ticks_between(x.low, x.high, 6)) {
    svg += text_at(x(tick), y.from + 18, "middle", tick_text(tick));
  }
  return svg;
}

template <class Place>
std::string places_of(const std::vector<Bucket>& buckets, Place place) {
  std::string text;
  for (const Bucket& bucket : buckets) text += place(bucket);
  return text;
}

std::string drawn_line(const std::vector<Bucket>& buckets, const Scale& x, const Scale& y, size_t colour) {
  const auto at = [&](double px, double py) { return fmt::format("{:.1f},{:.1f} ", x(px), y(py)); };
  std::string band = places_of(buckets, [&](const Bucket& b) { return at(b.mean.x, b.high); });
  const std::vector<Bucket> back(buckets.rbegin(), buckets.rend());
  band += places_of(back, [&](const Bucket& b) { return at(b.mean.x, b.low); });
  const std::string line = places_of(buckets, [&](const Bucket& b) { return at(b.mean.x, b.mean.y); });
  return fmt::format("<polygon class=\"band f{}\" points=\"{}\"/>\n<polyline class=\"line s{}\" points=\"{}\"/>\n",
                     colour, band, colour, line);
}

std::string drawn_dots(const std::vector<Bucket>& buckets, const Scale& x, const Scale& y, size_t colour) {
  std::string svg = fmt::format(
      "<polyline class=\"line s{}\" points=\"{}\"/>\n", colour,
      places_of(buckets, [&](const Bucket& b) { return fmt::format("{:.1f},{:.1f} ", x(b.mean.x), y(b.mean.y)); }));
  for (const Bucket& b : buckets) {
    svg += fmt::format("<circle class=\"f{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>{}: {:.4g}</title></circle>\n",
                       colour, x(b.mean.x), y(b.mean.y), tick_text(b.mean.x), b.mean.y);
  }
  return svg;
}

// What the colours of several curves mean.
std::string keys_of(const std::vector<Curve>& curves) {
  std::string html;
  for (size_t i = 0; curves.size() > 1 && i < curves.size(); ++i) {
    html += fmt::format(" <span class=\"key b{}\">{}</span>", i, escaped(curves[i].name));
  }
  return html;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return result;
}

std::vector<Bucket> thinned(const std::vector<Point>& points, size_t limit) {
  std::vector<Point> finite;
  for (const Point& p : points) {
    if (std::isfinite(p.x) && std::isfinite(p.y)) finite.push_back(p);
  }
  std::vector<Bucket> buckets;
  const size_t count = std::min(finite.size(), limit);
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = finite.size() * i / count;
    const size_t end = finite.size() * (i + 1) / count;
    Bucket bucket{{0, 0}, finite[begin].y, finite[begin].y};
    for (size_t at = begin; at < end; ++at) {
      bucket.mean.x += finite[at].x / static_cast<double>(end - begin);
      bucket.mean.y += finite[at].y / static_cast<double>(end - begin);
      bucket.low = std::min(bucket.low, finite[at].y);
      bucket.high = std::max(bucket.high, finite[at].y);
    }
    buckets.push_back(bucket);
  }
  return buckets;
}

std::vector<double> ticks_between(double low, double high, int count) {
  if (!(high > low) || !std::isfinite(high - low)) return {};
  const double rough = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double digit = rough / power;
  const double step = power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int i = 0; i <= 2 * count + 2; ++i) {
    const double tick = (first + i) * step;
    if (tick > high + step * 1e-9) break;
    ticks.push_back(tick);
  }
  return ticks;
}

std::string svg_of(const LineChart& chart) {
  std::vector<std::vector<Bucket>> curves;
  Range xs, ys;
  for (const Curve& curve : chart.curves) {
    for (const Bucket& b : curves.emplace_back(thinned(curve.points, kMostPoints))) {
      xs.add(b.mean.x);
      ys.add(b.low);
      ys.add(b.high);
    }
  }
  if (xs.empty()) return "";
  xs.add(0);
  ys.add(chart.least);
  const Scale x = scale_of(xs, kLeft, kWidth - kRight);
  const Scale y = scale_of(ys, kHeight - kBottom, kTop);
  std::string svg = axes(x, y);
  for (size_t i = 0; i < curves.size(); ++i) {
    svg += chart.curves[i].mark == Mark::dots ? drawn_dots(curves[i], x, y, i) : drawn_line(curves[i], x, y, i);
  }
  const std::string title = chart.unit.empty() ? chart.title : chart.title + ", " + chart.unit;
  return figure(title, keys_of(chart.curves), {kWidth, kHeight}, svg);
}

std::string svg_of(std::string_view title, const std::vector<Bar>& bars) {
  constexpr double kRow = 22, kNames = 190, kTexts = 150;
  Range range;
  range.add(0);
  for (const Bar& bar : bars) range.add(bar.value);
  if (range.high == 0) range.high = 1;  // all are 0: bars of no length
  const Scale x = scale_of(range, kNames, kWidth - kTexts);
  std::string svg;
  double y = 4;
  for (const Bar& bar : bars) {
    svg += text_at(0, y + 14, "name", bar.name);
    svg += text_at(kNames - 10, y + 14, "end faint", bar.note);
    const double end = std::isfinite(bar.value) ? x(std::max(bar.value, 0.0)) : x.from;
    svg += fmt::format("<rect class=\"f0\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\"/>\n",
                       x.from, y + 3, std::max(end - x.from, 1.0), kRow - 7);
    svg += text_at(end + 8, y + 14, "value", bar.text);
    y += kRow;
  }
  return figure(title, "", {kWidth, y + 4}, svg);
}

std::string svg_of(std::string_view title, std::string_view columns, const std::vector<HeatRow>& rows) {
  constexpr double kRow = 26, kNames = 150;
  size_t most = 1;
  for (const HeatRow& row : rows) most = std::max(most, row.values.size());
  const double cell = (kWidth - kNames) / static_cast<double>(most);
  std::string svg = text_at(kNames, 14, "faint", columns);
  double y = 22;
  for (const HeatRow& row : rows) {
    svg += text_at(0, y + 17, "name", row.name);
    for (size_t i = 0; i < row.values.size(); ++i) {
      const double x = kNames + cell * static_cast<double>(i);
      const double strength = std::isfinite(row.values[i]) ? std::clamp(row.values[i] / 2, 0.0, 1.0) : 0;
      svg += fmt::format(
          "<rect class=\"cell\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" fill-opacity=\"{:.2f}\">"
          "<title>{}, {}: {}</title></rect>\n",
          x, y, std::max(cell - 2, 0.5), kRow - 2, 0.04 + 0.8 * strength, escaped(row.name), i, escaped(row.texts[i]));
      if (cell >= 30) svg += text_at(x + cell / 2 - 1, y + 17, "middle", row.texts[i]);
    }
    y += kRow;
  }
  return figure(title, "", {kWidth, y + 2}, svg);
}

std::string_view chart_style() {
  return R"(:root { color-scheme: light dark; --page: #fbfbf9; --text: #1d2329; --faint: #68727d; --rule: #e2e4e4;
  --panel: #ffffff; --c0: #1f6fb2; --c1: #d1661a; --c2: #3f8f4f; --alarm: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181c; --text: #e4e7ea; --faint: #97a1ab; --rule: #2c333a;
    --panel: #1b2026; --c0: #62a8e5; --c1: #f0974f; --c2: #74c484; --alarm: #ff8a80; }
}
.chart { margin: 0; }
.chart figcaption { font-weight: 600; margin: 0 0 .5rem; }
.chart svg { display: block; width: 100%; height: auto; font-size: 12px; fill: var(--text); overflow: visible; }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.band { opacity: .18; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.value { font-variant-numeric: tabular-nums; }
.faint { fill: var(--faint); }
.cell { fill: var(--c1); }
.key { margin-left: .9rem; font-weight: 400; font-size: .85rem; border-bottom: 3px solid; }
.b0 { border-color: var(--c0); } .b1 { border-color: var(--c1); } .b2 { border-color: var(--c2); }
.f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); }
)";
}

}  // namespace gshard
