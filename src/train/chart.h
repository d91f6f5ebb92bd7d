// Charts as SVG, to stand in a page whose style sheet has chart_style(): readable on light and on dark, no scripts.
//
//   LineChart chart{.title = "Loss", .unit = "nats", .curves = {{"train", points}, {"dev", few, Mark::dots}}};
//   page += svg_of(chart);
//
// However many points there are, a chart has a bounded number of them. Texts are escaped here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gshard {

struct Point {
  double x = 0;
  double y = 0;
};

enum class Mark : uint8_t {
  line,  // means of what is thinned out, on a band from the lowest to the highest
  dots,  // each point, and a line through them
};

struct Curve {
  std::string name;
  std::vector<Point> points;  // by rising x; those that are not finite are left out
  Mark mark = Mark::line;
};

struct LineChart {
  std::string title;
  std::string unit = {};  // of y
  std::vector<Curve> curves = {};
  double least = 0;  // y's range holds this value; NaN: the curves' alone
};
// Empty where no curve has a point.
std::string svg_of(const LineChart& chart);

// Horizontal bars, from 0 on.
struct Bar {
  std::string name;
  std::string note;  // small, after the name
  double value = 0;  // not finite: no bar
  std::string text;  // what stands at its end
};
std::string svg_of(std::string_view title, const std::vector<Bar>& bars);

// A row for each name, a cell for each number; what is even has the value 1, and from 2 on the colour is full.
struct HeatRow {
  std::string name;
  std::vector<double> values;
  std::vector<std::string> texts;  // in the cells; as many as values
};
std::string svg_of(std::string_view title, std::string_view columns, const std::vector<HeatRow>& rows);

// CSS for the charts: colours as custom properties, for both schemes.
std::string_view chart_style();

// Text in HTML, or in an attribute of it.
std::string escaped(std::string_view text);

// At most `limit` points: the rest are means of neighbours.
struct Bucket {
  Point mean;
  double low = 0;
  double high = 0;
};
std::vector<Bucket> thinned(const std::vector<Point>& points, size_t limit);

// Round numbers from at or above `low` to at or below `high`, about `count` of them.
std::vector<double> ticks_between(double low, double high, int count);

}  // namespace gshard
