// SPDX-License-Identifier: Apache-2.0
// The report's page.
#include "report_page.hpp"

#include <algorithm>
#include <mmdl/core/file.hpp>
#include <string_view>
#include <utility>

#include "charts.hpp"
#include "orderings.hpp"

namespace reproduce {

using mmdl::detail::html_text;

namespace {

/// On top of the style of a sheet of pictures, whose colours it shares.
constexpr std::string_view style = R"(
:root { --a: #2166b8; --b: #d9730d; --good: #17692f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --a: #7cb3f5; --b: #f2a65a; --good: #86d89a; --bad: #ff9a91; } }
body { max-width: 82rem; padding: 2rem 1.5rem 4rem; font-size: 16px; line-height: 1.5; }
h1 { font-size: 1.7rem; line-height: 1.25; }
h2 { margin: 3rem 0 .3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.3rem; }
h3 { margin: 0; font-size: 1rem; }
h2 + p, section.table > p { margin: .1rem 0 .8rem; color: var(--faint); max-width: 48rem; }
main { display: block; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 0 0 1.5rem; }
a { color: var(--a); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.cards div, .drawing, section.table { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.cards div { padding: .8rem 1rem; }
.cards span { display: block; color: var(--faint); font-size: 14px; line-height: 1.35; }
.cards strong { display: block; margin-top: .15rem; font-size: 1.45rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.cards strong small { font-size: .9rem; font-weight: 400; color: var(--faint); white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 1rem 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
section.table { margin: 1rem 0 1.4rem; padding: 1rem 1.2rem; }
.tables { columns: 2 33rem; column-gap: 1.2rem; }
.tables > div { break-inside: avoid; padding-bottom: 1.2rem; }
.tables .large { column-span: all; }
.tables section.table { margin: 0; }
.large table { font-size: 14px; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid var(--a); outline-offset: 3px; }
table { border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .9rem .32rem 0; text-align: left; white-space: nowrap; font-weight: 400; }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-bottom: 1px solid var(--faint); color: var(--faint); font-size: 14px; vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody tr.paper > * { border-top: 0; padding-top: 0; color: var(--faint); }
tbody tr.paper th { padding-left: 1rem; }
.number { text-align: right; }
.paper, .spread { color: var(--faint); }
.good td:last-child { color: var(--good); } .bad td:last-child { color: var(--bad); }
.noise td:last-child { color: var(--faint); }
section.table > .note { margin: .7rem 0 0; font-size: 14px; }
.drawing { margin: 1rem 0; padding: 1rem 1rem .6rem; max-width: 100%; }
.drawing h3 { margin: 0 0 .4rem; overflow-wrap: anywhere; }
.drawing p { margin: .3rem 0 0; color: var(--faint); font-size: 14px; }
.drawings { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; margin: 1rem 0; }
.drawings.large { grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); }
.drawings .drawing { margin: 0; }
svg { display: block; max-width: 100%; height: auto; font: 13px system-ui, sans-serif; }
.drawings svg { width: 100%; }
svg text { fill: var(--faint); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); }
.axis { stroke: var(--faint); }
.equal, .kept { stroke: var(--faint); stroke-dasharray: 4 4; }
.fill-a { fill: var(--a); } .fill-b { fill: var(--b); }
.line-a, .line-b, .bar-a { fill: none; stroke: var(--a); stroke-width: 2; stroke-linejoin: round; }
.line-b { stroke: var(--b); }
.other { opacity: .35; stroke-width: 1.3; }
.key { display: inline-block; width: .8em; height: .8em; margin: 0 .35em 0 0; border-radius: 2px; background: var(--a); }
.key + .key, .key.b { background: var(--b); }
.keys span { margin-right: 1.2rem; white-space: nowrap; }
.narrow { display: none; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 1rem; margin: 1rem 0; }
.legend span { margin-right: .4rem; }
@media (max-width: 46rem) {
  body { padding: 1.2rem .9rem 3rem; }
  section.table { padding: .9rem .9rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .45rem; }
  .narrow { display: block; } .broad { display: none; }
  .spread { display: block; font-size: 13px; }
  table, .large table { width: max-content; font-size: 14px; }
  th, td { padding-right: .65rem; vertical-align: top; }
  .noise td:last-child { white-space: normal; min-width: 4rem; }
  th:first-child { position: sticky; left: 0; max-width: 11.5rem; white-space: normal; background: var(--card); }
}
@media print { body { max-width: none; } section.table, .drawing { break-inside: avoid; } .wide { overflow: visible; } }
)";

std::string duration_text(double seconds) {
  if (seconds < 60) return decimal(seconds, seconds < 10 ? 1 : 0) + " s";
  const long minutes = std::lround(seconds / 60);
  if (minutes < 60) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

/// 94570 as "94,570".
std::string grouped(long number) {
  std::string text = std::to_string(number);
  for (std::size_t end = text.size(); end > 3 && text[end - 4] != '-'; end -= 3) text.insert(end - 3, ",");
  return text;
}

std::string card(const std::string& name, const std::string& value, const std::string& more = "") {
  return "<div><span>" + html_text(name) + "</span><strong>" + html_text(value) +
         (more.empty() ? "" : " <small>" + html_text(more) + "</small>") + "</strong></div>\n";
}

std::string score_card(std::span<const Results> runs, const std::string& name, const std::string& row) {
  const Spread spread = spread_over(runs, [&](const Results& run) -> std::optional<double> {
    const auto at = run.scores.find(row);
    return at == run.scores.end() ? std::nullopt : std::optional(at->second.h_f1);
  });
  if (spread.count == 0) return "";
  return card(name, decimal(100 * spread.mean, 2),
              spread.count > 1 ? "± " + decimal(100 * spread.deviation, 2) : "");
}

std::string summary(std::span<const Results> runs) {
  const Results& run = runs.front();
  std::string html = "<div class=\"cards\">\n";
  html += score_card(runs, "H-F1, full model (%)", "ms-cnn+tags+lqp") +
          score_card(runs, "H-F1, end to end (%)", "end-to-end") +
          score_card(runs, "H-F1, MS-CNN (%)", "ms-cnn") + score_card(runs, "H-F1, CNN (%)", "cnn") +
          score_card(runs, "H-F1, upper bound (%)", "upper-bound");
  const auto outcomes = compare_orderings(runs);
  if (!outcomes.empty()) {
    const auto count = [&](auto which) {
      return std::to_string(std::count_if(outcomes.begin(), outcomes.end(), which));
    };
    const std::string noise = count([](const OrderingOutcome& outcome) { return outcome.within_noise; });
    html += card("orderings that hold",
                 count([](const OrderingOutcome& outcome) { return outcome.holds; }) + " of " +
                     std::to_string(outcomes.size()),
                 noise == "0" ? "" : noise + " within noise");
  }
  html += "</div>\n<dl>";
  const auto fact = [&](const std::string& name, const std::string& value) {
    html += "<dt>" + html_text(name) + "</dt><dd>" + html_text(value) + "</dd>\n";
  };
  double seconds = 0;
  std::string seeds;
  for (const Results& each : runs) {
    seconds += each.seconds;
    seeds += (seeds.empty() ? "" : ", ") + std::to_string(each.seed);
  }
  fact("Data", run.title + " (" + run.data + ")");
  fact("Images", grouped(run.train_images) + " to train, " + grouped(run.validation_images) + " held out, " +
                     grouped(run.test_images) + " to test");
  const std::string remark = tags_remark(run);
  fact("Labels and tags", grouped(run.labels) + " labels, " + grouped(run.tags) + " tags" +
                              (remark.empty() ? "" : " (" + remark + ": nobody wrote them)"));
  fact("Network", run.backbone + (run.frozen_backbone ? ", as pretrained, at " : " at ") +
                      std::to_string(run.image_size) + " pixels");
  fact("Preset", run.preset);
  fact(runs.size() == 1 ? "Seed" : "Seeds", seeds);
  fact("Time", duration_text(seconds) + (runs.size() > 1 ? " in all" : ""));
  return html + "</dl>\n";
}

/// The same drawing for a broad and for a narrow page, so that its type stays readable.
std::string both_widths(const std::string& broad, const std::string& narrow) {
  return "<div class=\"broad\">" + broad + "</div><div class=\"narrow\">" + narrow + "</div>\n";
}

std::string figure_6(std::span<const Results> runs) {
  const Results& run = runs.front();
  std::string html;
  if (const std::string broad = quantity_histogram(run, 560); !broad.empty())
    html +=
        "<div class=\"drawing\"><h3>Distribution of label quantity</h3>\n<p class=\"keys\"><span><i "
        "class=\"key\"></i>training "
        "images</span> <span><i class=\"key b\"></i>test images</span></p>\n" +
        both_widths(broad, quantity_histogram(run, 350)) + "</div>\n";
  const std::vector<QuantityGroup> groups = pooled_groups(runs);
  if (!groups.empty())
    html +=
        "<div class=\"drawing\"><h3>Predicted quantity over the true one</h3>\n<p>Mean and standard "
        "deviation over the test "
        "images; the dashed line is where both are equal.</p>\n" +
        both_widths(quantity_chart(groups, 560), quantity_chart(groups, 350)) + "</div>\n";
  return html.empty() ? html : "<div class=\"drawings large\">" + html + "</div>\n";
}

std::string loss_curves(std::span<const Results> runs) {
  std::string html;
  for (const Curve& curve : runs.front().curves) {
    std::vector<const Curve*> seeds{&curve};
    for (const Results& run : runs.subspan(1))
      for (const Curve& other : run.curves)
        if (other.stage == curve.stage) seeds.push_back(&other);
    const std::string chart = loss_chart(seeds, 350);
    if (chart.empty()) continue;
    html += "<div class=\"drawing\"><h3>" + html_text(curve.stage) + "</h3>\n" + chart + "<p>" +
            (curve.stopped_early ? "stopped early, " : "") + "kept step " + grouped(curve.best_step) +
            " of " + grouped(curve.points.back().step) + "; " + duration_text(curve.seconds) + "</p></div>\n";
  }
  return html;
}

struct Part {
  const char *id, *heading;
  std::string introduction, html;
};

}  // namespace

void write_report(const std::string& path, std::span<const Results> runs, const TableSet& asked,
                  const mmdl::SheetOptions& pictures) {
  const std::vector<Table> tables = make_tables(runs, asked);
  const Results& run = runs.front();
  const mmdl::detail::SheetCounts counts = mmdl::detail::check_sheet(path, run.sheet, pictures);

  std::vector<Part> parts{{"summary", "Summary", "", summary(runs)}};
  std::string html;
  for (const Table& table : tables) {
    html += std::string("<div") + (table.columns.size() > 7 ? " class=\"large\">" : ">") + to_html(table) +
            "</div>";
  }
  parts.push_back({"tables", "Tables",
                   "Numbered as in the paper; its numbers stand beside ours where the data are the same.",
                   html.empty() ? "" : "<div class=\"tables\">" + html + "</div>\n"});
  const Table orderings = orderings_table(runs);
  parts.push_back({"orderings", "Orderings", "Whether what the paper found better is better here.",
                   orderings.rows.empty() ? "" : to_html(orderings)});
  parts.push_back({"quantities", "Label quantities", "As in figure 6 of the paper.", figure_6(runs)});
  std::string curves = loss_curves(runs);
  if (!curves.empty())
    curves =
        "<p class=\"keys\"><span><i class=\"key\"></i>training loss</span> <span><i class=\"key b\"></i>loss "
        "on held-out "
        "images</span></p>\n<div class=\"drawings\">" +
        curves + "</div>\n";
  parts.push_back({"curves", "Training",
                   "The loss of each stage after each epoch. The dashed line is where the weights were kept" +
                       std::string(runs.size() > 1 ? " (seed " + std::to_string(run.seed) +
                                                         "; the other seeds are paler)."
                                                   : "."),
                   std::move(curves)});
  html.clear();
  if (!run.sheet.empty()) {
    html = "<p class=\"legend\">";
    const auto legend = [&](std::size_t count, const char* kind, const char* meaning) {
      if (count > 0)
        html +=
            std::string("<span class=\"") + kind + "\">" + std::to_string(count) + " " + meaning + "</span> ";
    };
    legend(counts.right, "right", "in the truth");
    legend(counts.extra, "extra", "not in the truth");
    legend(counts.missed, "missed", "missed");
    legend(counts.unjudged, "unjudged", "of unknown truth");
    html += "</p>\n<div class=\"sheet\">\n";
    for (const mmdl::SheetEntry& entry : run.sheet) html += mmdl::detail::sheet_figure(entry, pictures);
    html += "</div>\n";
  }
  const std::string remark = tags_remark(run);
  parts.push_back({"pictures", "Annotated pictures",
                   "As in figure 7 of the paper. The truth of a data set is incomplete: what is not in it "
                   "may still be right." +
                       (remark.empty() ? "" : " The small words are " + remark + "."),
                   std::move(html)});

  mmdl::AtomicFile file(path);
  const std::string title = "The paper’s experiments on " + html_text(run.title);
  file.write(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
      title + "</title><style>");
  file.write(mmdl::detail::sheet_style);
  file.write(style);
  file.write("</style></head><body>\n<header><h1>" + title +
             "</h1>\n<p>Multi-modal multi-scale image annotation (Niu et al.), every variant trained and "
             "compared</p></header>\n<nav>");
  for (const Part& part : parts)
    if (!part.html.empty())
      file.write(std::string("<a href=\"#") + part.id + "\">" + part.heading + "</a>\n");
  file.write("</nav>\n<main>\n");
  for (const Part& part : parts)
    if (!part.html.empty())
      file.write(std::string("<h2 id=\"") + part.id + "\">" + part.heading + "</h2>\n" +
                 (part.introduction.empty() ? "" : "<p>" + html_text(part.introduction) + "</p>\n") +
                 part.html);
  file.write("</main></body></html>\n");
  file.commit();
}

}  // namespace reproduce
