// SPDX-License-Identifier: Apache-2.0
// A sheet of annotated pictures: one HTML page that needs no other file, to see what a model says of which.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/error.hpp"
#include "../core/file.hpp"
#include "../core/text.hpp"
#include "../data/image.hpp"
#include "../data/resize.hpp"

namespace mmdl {

/// A label that a model gave to a picture.
struct SheetLabel {
  std::string name;
  float probability = 0;    ///< 0 to 1
  bool correct = false;     ///< it is among the picture's true labels
  bool known_truth = true;  ///< false: the truth is unknown, `correct` says nothing
};

/// A picture of a sheet with what a model says of it.
struct SheetEntry {
  std::string image_path;                   ///< of a JPEG or PNG file; empty: `image` is shown
  RgbImage image;                           ///< shown where there is no path
  std::vector<SheetLabel> labels;           ///< shown in this order
  std::vector<std::string> missed;          ///< true labels that the model did not give
  std::vector<std::string> tags;            ///< what users wrote, if the model saw it
  std::optional<float> predicted_quantity;  ///< how many labels the model expected, before rounding
};

/// How a sheet is made.
struct SheetOptions {
  int thumbnail =
      256;           ///< pictures are shrunk to at most this many pixels a side, 16 to 2048; never enlarged
  int quality = 85;  ///< of the embedded JPEG, 1 to 100
};

namespace detail {

/// Bytes in base64 (RFC 4648, section 4, with padding).
inline std::string base64(std::span<const std::byte> bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63U];
  }
  return text;
}

/// Text as HTML shows it, in an element and in a quoted attribute; bytes that are no text become \xNN.
inline std::string html_text(std::string_view text) {
  std::string result;
  for (const char c : printable(text, text.size() * 4 + 16)) {
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
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// One decimal, with a point in every locale.
inline std::string one_decimal(float value) {
  const long long tenths = std::llround(std::fabs(static_cast<double>(value)) * 10);
  return (value < 0 && tenths > 0 ? "-" : "") + std::to_string(tenths / 10) + "." +
         std::to_string(tenths % 10);
}

inline constexpr std::string_view sheet_style = R"(
:root { color-scheme: light dark; --page: #f6f6f4; --card: #fff; --text: #1c1c1a; --faint: #6b6b66; --line: #deded9;
  --right: #17692f; --right-back: #e2f2e5; --extra: #1a55a8; --extra-back: #e3edfa; --track: #0000001a; }
@media (prefers-color-scheme: dark) {
  :root { --page: #161615; --card: #222220; --text: #ecece8; --faint: #a0a09a; --line: #3a3a37;
    --right: #86d89a; --right-back: #1c3524; --extra: #9cc4fb; --extra-back: #1d2f49; --track: #ffffff24; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 90rem; background: var(--page); color: var(--text);
  font: 15px/1.4 system-ui, sans-serif; }
h1 { margin: 0 0 .3rem; font-size: 1.4rem; overflow-wrap: anywhere; }
header p { margin: 0 0 1.2rem; color: var(--faint); }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: hidden;
  break-inside: avoid; }
figure img { display: block; width: 100%; height: 13rem; object-fit: contain; background: var(--line); }
figcaption { padding: .7rem .8rem .8rem; }
ul { display: flex; flex-wrap: wrap; gap: .3rem; margin: 0; padding: 0; list-style: none; }
li, .tags span, .legend span { unicode-bidi: isolate; overflow-wrap: anywhere; }
li, .legend span { display: inline-block; padding: .1rem .5rem; border-radius: 5px; }
li, .unjudged { background: var(--track); }
li small { margin-left: .3em; opacity: .75; font-variant-numeric: tabular-nums; }
.right, li.right { color: var(--right); background: var(--right-back); }
.extra, li.extra { color: var(--extra); background: var(--extra-back); }
.right::before { content: "\2713\00a0"; }
.extra::before { content: "+\00a0"; }
.missed, li.missed { color: var(--faint); background: none; border: 1px dashed var(--faint); }
.missed::before { content: "\2212\00a0"; }
.note, .tags { margin: .5rem 0 0; color: var(--faint); font-size: 12px; }
.tags span + span::before { content: "\00b7\00a0"; }
)";

struct SheetCounts {
  std::size_t right = 0, extra = 0, missed = 0, unjudged = 0;
};

/// Refuses what cannot be shown, before anything is written.
inline SheetCounts check_sheet(const std::string& path, std::span<const SheetEntry> entries,
                               const SheetOptions& options) {
  const std::string place = printable(path, 4096);
  if (options.thumbnail < 16 || options.thumbnail > 2048)
    fail(place + ": thumbnail", std::to_string(options.thumbnail), "16 to 2048");
  if (options.quality < 1 || options.quality > 100)
    fail(place + ": quality", std::to_string(options.quality), "1 to 100");
  SheetCounts counts;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string entry_place = place + ": entry " + std::to_string(i);
    for (const SheetLabel& label : entries[i].labels) {
      if (!(label.probability >= 0 && label.probability <= 1))
        fail(entry_place + ": label " + quoted(label.name),
             "probability " + std::to_string(label.probability), "0 to 1");
      ++(!label.known_truth ? counts.unjudged : label.correct ? counts.right : counts.extra);
    }
    counts.missed += entries[i].missed.size();
    if (const auto quantity = entries[i].predicted_quantity; quantity && !(std::fabs(*quantity) < 1e6f))
      fail(entry_place + ": predicted_quantity", std::to_string(*quantity), "a number below a million");
  }
  return counts;
}

/// The entry's picture, no larger than the options say, as the bytes of a JPEG file.
inline std::vector<std::byte> sheet_thumbnail(const SheetEntry& entry, const SheetOptions& options) {
  DecodeOptions decode;
  decode.target_width = decode.target_height = options.thumbnail;
  RgbImage read;
  if (!entry.image_path.empty()) read = read_image(entry.image_path, decode);
  const RgbImage& image = entry.image_path.empty() ? entry.image : read;
  const int longest = std::max(image.width, image.height);
  if (longest <= options.thumbnail) return encode_jpeg(image, options.quality);
  const auto shrunk = [&](int extent) {
    const double exact = static_cast<double>(extent) * options.thumbnail / longest;
    return std::max(1, static_cast<int>(std::lround(exact)));
  };
  return encode_jpeg(resize(image, shrunk(image.width), shrunk(image.height)), options.quality);
}

/// One picture with its labels, as a `<figure>`.
inline std::string sheet_figure(const SheetEntry& entry, const SheetOptions& options) {
  const std::string name = html_text(entry.image_path);
  std::string html = "<figure><img alt=\"" + name + "\" title=\"" + name +
                     "\" src=\"data:image/jpeg;base64," + base64(sheet_thumbnail(entry, options)) +
                     "\"><figcaption>";
  if (!entry.labels.empty() || !entry.missed.empty()) {
    html += "<ul>";
    for (const SheetLabel& label : entry.labels) {
      html += !label.known_truth ? "<li>" : label.correct ? "<li class=\"right\">" : "<li class=\"extra\">";
      html += html_text(label.name) + "<small>" +
              std::to_string(std::lround(static_cast<double>(label.probability) * 100)) + "%</small></li>";
    }
    for (const std::string& label : entry.missed)
      html += "<li class=\"missed\">" + html_text(label) + "</li>";
    html += "</ul>";
  }
  if (entry.predicted_quantity)
    html += "<p class=\"note\">labels expected: " + one_decimal(*entry.predicted_quantity) + "</p>";
  if (!entry.tags.empty()) {
    html += "<p class=\"tags\">";
    for (const std::string& tag : entry.tags) html += "<span>" + html_text(tag) + "</span> ";
    html += "</p>";
  }
  return html + "</figcaption></figure>\n";
}

}  // namespace detail

/// Writes a page with a card for each entry: its picture (embedded), the labels given with their
/// probabilities, right ones green and others blue as in the paper's figure 7 (a dataset's truth is
/// incomplete: what is not in it may still be right), labels of unknown truth without a colour, the true
/// labels that were missed in grey, the number of labels expected, and the tags in small type. Every text is
/// escaped, the page loads nothing and runs nothing, and follows the reader's light or dark scheme. The file
/// appears whole or not at all. Throws `Error` for options out of range, a probability outside [0, 1], a
/// quantity that is no number, a picture that cannot be read, an entry without one, and when the page cannot
/// be written.
inline void write_sheet_html(const std::string& path, const std::string& title,
                             std::span<const SheetEntry> entries, const SheetOptions& options = {}) {
  const detail::SheetCounts counts = detail::check_sheet(path, entries, options);
  AtomicFile file(path);
  const std::string heading = detail::html_text(title);
  file.write(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
  file.write(heading);
  file.write("</title><style>");
  file.write(detail::sheet_style);
  file.write("</style></head><body>\n<header><h1>" + heading + "</h1>\n<p class=\"legend\">" +
             std::to_string(entries.size()) + (entries.size() == 1 ? " picture" : " pictures"));
  const auto legend = [&](std::size_t count, const char* style, const char* meaning) {
    if (count > 0)
      file.write(" <span class=\"" + std::string(style) + "\">" + std::to_string(count) + " " + meaning +
                 "</span>");
  };
  legend(counts.right, "right", "in the truth");
  legend(counts.extra, "extra", "not in the truth");
  legend(counts.missed, "missed", "missed");
  legend(counts.unjudged, "unjudged", "of unknown truth");
  file.write("</p></header>\n<main>\n");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].image_path.empty() && entries[i].image.pixels.empty())
      detail::fail(detail::printable(path, 4096) + ": entry " + std::to_string(i), "no picture",
                   "image_path or image");
    file.write(detail::sheet_figure(entries[i], options));
  }
  file.write("</main></body></html>\n");
  file.commit();
}

}  // namespace mmdl
