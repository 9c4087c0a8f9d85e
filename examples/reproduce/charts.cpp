// SPDX-License-Identifier: Apache-2.0
// The report's drawings.
#include "charts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mmdl/data/sheet.hpp>
#include <numeric>

#include "statistics.hpp"

namespace reproduce {

namespace {

std::string at(double value) { return decimal(value, 1); }

/// A drawing with a frame for its values, and where they lie in it.
struct Plot {
  double width, height;
  double left = 46, right = 10, top = 14, bottom = 40;
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  bool logarithmic = false;
  std::string svg{};

  double x(double value) const { return left + (value - x_low) / (x_high - x_low) * (width - left - right); }
  double y(double value) const {
    const double share = logarithmic
                             ? (std::log(value) - std::log(y_low)) / (std::log(y_high) - std::log(y_low))
                             : (value - y_low) / (y_high - y_low);
    return height - bottom - share * (height - top - bottom);
  }

  void begin(const std::string& description) {
    svg = "<svg viewBox=\"0 0 " + at(width) + " " + at(height) + "\" width=\"" + at(width) +
          "\" role=\"img\" aria-label=\"" + mmdl::detail::html_text(description) + "\">\n";
  }
  void line(const char* style, double x1, double y1, double x2, double y2) {
    svg += std::string("<line class=\"") + style + "\" x1=\"" + at(x1) + "\" y1=\"" + at(y1) + "\" x2=\"" +
           at(x2) + "\" y2=\"" + at(y2) + "\"/>\n";
  }
  void text(double x_at, double y_at, const char* anchor, const std::string& what,
            const std::string& more = "") {
    svg += "<text x=\"" + at(x_at) + "\" y=\"" + at(y_at) + "\" text-anchor=\"" + anchor + "\"" + more + ">" +
           mmdl::detail::html_text(what) + "</text>\n";
  }
  void y_tick(double value, const std::string& label) {
    line("grid", left, y(value), width - right, y(value));
    text(left - 6, y(value) + 4, "end", label);
  }
  void axis_names(const std::string& horizontal, const std::string& vertical) {
    line("axis", left, height - bottom, width - right, height - bottom);
    text((left + width - right) / 2, height - 6, "middle", horizontal);
    const std::string middle = at((top + height - bottom) / 2);
    text(12, (top + height - bottom) / 2, "middle", vertical, " transform=\"rotate(-90 12 " + middle + ")\"");
  }
};

double total(const std::vector<long>& counts) {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), 0L));
}

/// Ticks of a logarithmic scale: 1, 2 and 5 times powers of ten, or powers of ten alone where those would be
/// many.
std::vector<double> logarithmic_ticks(double low, double high) {
  std::vector<double> ticks, decades;
  for (int exponent = static_cast<int>(std::floor(std::log10(low))); std::pow(10.0, exponent) <= high;
       ++exponent)
    for (const double digit : {1.0, 2.0, 5.0})
      if (const double tick = digit * std::pow(10.0, exponent); tick >= low * 0.999 && tick <= high * 1.001) {
        ticks.push_back(tick);
        if (digit == 1) decades.push_back(tick);
      }
  if (ticks.size() <= 7) return ticks;
  std::vector<double> kept;
  const std::size_t every = (decades.size() + 5) / 6;
  for (std::size_t i = 0; i < decades.size(); i += every) kept.push_back(decades[i]);
  return kept;
}

/// As many digits as tell neighbours apart.
std::string tick_text(double value) {
  if (value == 0) return "0";
  if (std::fabs(value) >= 10'000 || std::fabs(value) < 0.0005) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, 0).ptr;
    return {text, end};
  }
  std::string text = decimal(value, 4);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

std::string short_count(double value) {
  for (const auto& [unit, name] : {std::pair(1e6, "M"), std::pair(1e3, "k")})
    if (std::fabs(value) >= unit) {
      std::string text = decimal(value / unit, 1);
      if (text.ends_with(".0")) text.erase(text.size() - 2);
      return text + name;
    }
  return decimal(value, 0);
}

std::vector<double> round_ticks(double low, double high, int count) {
  if (!(high > low)) return {low};
  const double rough = (high - low) / std::max(1, count),
               power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double digit : {5.0, 2.0, 1.0})
    if (digit * power >= rough * 0.999) step = digit * power;
  std::vector<double> ticks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && ticks.size() < 64; ++i)
    ticks.push_back(i * step);
  return ticks;
}

std::string quantity_histogram(const Results& run, int width) {
  constexpr std::size_t most = 20;
  const double images[] = {total(run.train_label_counts), total(run.test_label_counts)};
  std::vector<double> shares[2];
  const std::vector<long>* counts[] = {&run.train_label_counts, &run.test_label_counts};
  std::size_t last = 0, first = most + 1;
  bool tail = false;
  for (std::size_t split = 0; split < 2; ++split) {
    shares[split].assign(most + 2, 0);
    for (std::size_t n = 0; n < counts[split]->size(); ++n) {
      const long number = (*counts[split])[n];
      if (number == 0) continue;
      const std::size_t bar = std::min(n, most + 1);
      tail = tail || n > most;
      last = std::max(last, bar);
      first = std::min(first, bar);
      shares[split][bar] += 100 * static_cast<double>(number) / images[split];
    }
  }
  if (first > last) return "";
  first = std::min<std::size_t>(first, 1);
  const double highest = std::max(*std::max_element(shares[0].begin(), shares[0].end()),
                                  *std::max_element(shares[1].begin(), shares[1].end()));
  Plot plot{.width = static_cast<double>(width), .height = width < 500 ? 240.0 : 280.0};
  const auto ticks = round_ticks(0, highest, 5);
  plot.x_low = static_cast<double>(first) - 0.5;
  plot.x_high = static_cast<double>(last) + 0.5;
  plot.y_high = highest * 1.05;
  plot.begin("Share of the training and test images by their number of labels");
  for (const double tick : ticks) plot.y_tick(tick, tick_text(tick));
  const double bar_width = std::min(34.0, 0.4 * (plot.x(1) - plot.x(0)));
  for (std::size_t n = first; n <= last; ++n) {
    const double middle = plot.x(static_cast<double>(n));
    for (std::size_t split = 0; split < 2; ++split) {
      const double height = plot.y(0) - plot.y(shares[split][n]);
      const std::string name = tail && n == most + 1 ? "more than 20" : std::to_string(n);
      plot.svg += std::string("<rect class=\"") + (split == 0 ? "fill-a" : "fill-b") + "\" x=\"" +
                  at(split == 0 ? middle - bar_width - 0.5 : middle + 0.5) + "\" y=\"" +
                  at(plot.y(shares[split][n])) + "\" width=\"" + at(bar_width) + "\" height=\"" + at(height) +
                  "\"><title>" + name + " labels: " + decimal(shares[split][n], 1) + " % of the " +
                  (split == 0 ? "training" : "test") + " images</title></rect>\n";
    }
    // On a narrow drawing of many bars every second number has room.
    const bool crowded = plot.x(1) - plot.x(0) < 18;
    if (!crowded || (n - first) % 2 == 0)
      plot.text(middle, plot.height - plot.bottom + 15, "middle",
                tail && n == most + 1 ? ">20" : std::to_string(n));
  }
  plot.axis_names("labels of an image", "share of images, %");
  return plot.svg + "</svg>\n";
}

std::string quantity_chart(std::span<const QuantityGroup> groups, int width) {
  if (groups.empty()) return "";
  Plot plot{.width = static_cast<double>(width), .height = width < 500 ? 260.0 : 300.0};
  double highest = 0, lowest = 0;
  for (const QuantityGroup& group : groups) {
    plot.x_high = std::max(plot.x_high, group.true_quantity + 0.5);
    highest = std::max(highest, group.mean + group.deviation);
    lowest = std::min(lowest, group.mean - group.deviation);
  }
  plot.x_low = std::min(0.5, groups.front().true_quantity - 0.5);
  plot.y_low = lowest;
  plot.y_high = std::max({highest, plot.x_high * 0.75, 1.0}) * 1.05;
  plot.begin("Predicted number of labels over the true number, mean and deviation");
  for (const double tick : round_ticks(plot.y_low, plot.y_high, 6)) plot.y_tick(tick, tick_text(tick));
  for (const double tick : round_ticks(plot.x_low, plot.x_high, width < 500 ? 8 : 16))
    if (tick == std::floor(tick))
      plot.text(plot.x(tick), plot.height - plot.bottom + 15, "middle", tick_text(tick));
  const double from = std::max(plot.x_low, plot.y_low), to = std::min(plot.x_high, plot.y_high);
  plot.line("equal", plot.x(from), plot.y(from), plot.x(to), plot.y(to));
  for (const QuantityGroup& group : groups) {
    const double x = plot.x(group.true_quantity);
    plot.line("bar-a", x, plot.y(group.mean - group.deviation), x, plot.y(group.mean + group.deviation));
    plot.svg += "<circle class=\"fill-a\" r=\"4\" cx=\"" + at(x) + "\" cy=\"" + at(plot.y(group.mean)) +
                "\"><title>" + std::to_string(group.true_quantity) + " true labels: predicted " +
                decimal(group.mean, 2) + " ± " + decimal(group.deviation, 2) + ", " +
                std::to_string(group.images) + " images</title></circle>\n";
  }
  plot.axis_names("true number of labels", "predicted number");
  return plot.svg + "</svg>\n";
}

std::string loss_chart(std::span<const Curve* const> seeds, int width) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  long last = 0;
  for (const Curve* curve : seeds)
    for (const CurvePoint& point : curve->points)
      for (const double value : {point.training, point.held_out}) {
        if (!std::isfinite(value)) continue;
        low = std::min(low, value);
        high = std::max(high, value);
        last = std::max(last, point.step);
      }
  if (!(low <= high)) return "";
  Plot plot{.width = static_cast<double>(width), .height = 220};
  plot.left = 56;
  plot.logarithmic = low > 0 && high > 8 * low;
  plot.x_high = static_cast<double>(std::max(1L, last)) * 1.02;
  const double room = std::max({0.06 * (high - low), 0.01 * std::fabs(high), 1e-6});
  plot.y_low = plot.logarithmic ? low / 1.15 : low >= 0 ? std::max(0.0, low - room) : low - room;
  plot.y_high = plot.logarithmic ? high * 1.15 : high + room;
  plot.begin("Training and held-out loss of stage " + seeds.front()->stage);
  for (const double tick : plot.logarithmic ? logarithmic_ticks(plot.y_low, plot.y_high)
                                            : round_ticks(plot.y_low, plot.y_high, 7))
    plot.y_tick(tick, tick_text(tick));
  for (const double tick : round_ticks(0, plot.x_high, 5))
    plot.text(plot.x(tick), plot.height - plot.bottom + 15, "middle", short_count(tick));
  const double kept = static_cast<double>(seeds.front()->best_step);
  if (kept > 0 && kept <= plot.x_high)
    plot.line("kept", plot.x(kept), plot.top, plot.x(kept), plot.height - plot.bottom);
  // The first seed is drawn last, over the others.
  for (std::size_t i = seeds.size(); i-- > 0;)
    for (const auto& [which, style] :
         {std::pair(&CurvePoint::training, "a"), std::pair(&CurvePoint::held_out, "b")}) {
      std::string points, dots;
      for (const CurvePoint& point : seeds[i]->points) {
        if (!std::isfinite(point.*which) || (plot.logarithmic && point.*which <= 0)) continue;
        const std::string x = at(plot.x(static_cast<double>(point.step))), y = at(plot.y(point.*which));
        points += x + "," + y + " ";
        if (i == 0 && (seeds[i]->points.size() <= 20 || point.step == seeds[i]->best_step))
          dots += "<circle class=\"fill-" + std::string(style) + "\" r=\"" +
                  (point.step == seeds[i]->best_step ? "3.5" : "2") + "\" cx=\"" + x + "\" cy=\"" + y +
                  "\"><title>step " + std::to_string(point.step) + ": " +
                  (style[0] == 'a' ? "training " : "held-out ") + decimal(point.*which, 4) +
                  "</title></circle>\n";
      }
      plot.svg += "<polyline class=\"line-" + std::string(style) + (i > 0 ? " other" : "") + "\" points=\"" +
                  points + "\"/>\n" + dots;
    }
  plot.axis_names("step", plot.logarithmic ? "loss, logarithmic" : "loss");
  return plot.svg + "</svg>\n";
}

}  // namespace reproduce
