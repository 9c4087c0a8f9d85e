// SPDX-License-Identifier: Apache-2.0
// A supersampled canvas that remembers, for each of its points, what is seen there and how far away it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "labels.hpp"

namespace mmdl::detail::scenes {

struct Point {
  float x, y;
};

/// Linear red, green, blue, nominally in [0, 1].
struct Color {
  float r, g, b;
};
constexpr Color operator+(Color x, Color y) { return {x.r + y.r, x.g + y.g, x.b + y.b}; }
constexpr Color operator*(Color x, Color y) { return {x.r * y.r, x.g * y.g, x.b * y.b}; }
constexpr Color operator*(Color x, float s) { return {x.r * s, x.g * s, x.b * s}; }

constexpr float clamp01(float x) { return x < 0 ? 0.0f : x > 1 ? 1.0f : x; }
constexpr float mix(float a, float b, float t) { return a + (b - a) * t; }
constexpr Color mix(Color a, Color b, float t) { return a * (1 - t) + b * t; }
constexpr float smooth_step(float low, float high, float x) {
  const float t = clamp01((x - low) / (high - low));
  return t * t * (3 - 2 * t);
}

/// What a paint puts at a point: a colour, and how much it covers. A colour alone covers all.
struct Tint {
  Color color;
  float alpha = 1;
  constexpr Tint(Color c, float a = 1) : color(c), alpha(a) {}
};

/// A number in [0, 1) for a point of an integer grid.
constexpr float grid_noise(int x, int y, std::uint32_t seed) {
  std::uint32_t h =
      seed ^ (static_cast<std::uint32_t>(x) * 0x8DA6B343U) ^ (static_cast<std::uint32_t>(y) * 0xD8163841U);
  h = (h ^ (h >> 16)) * 0x7FEB352DU;
  h = (h ^ (h >> 15)) * 0x846CA68BU;
  h ^= h >> 16;
  return static_cast<float>(h >> 8) * (1.0f / 16777216.0f);
}

inline int floor_int(float x) { return static_cast<int>(std::floor(x)); }

/// Value noise: smooth, in [0, 1), one bump a unit.
inline float noise(float x, float y, std::uint32_t seed) {
  const int i = floor_int(x), j = floor_int(y);
  float u = x - static_cast<float>(i), v = y - static_cast<float>(j);
  u = u * u * (3 - 2 * u);
  v = v * v * (3 - 2 * v);
  return mix(mix(grid_noise(i, j, seed), grid_noise(i + 1, j, seed), u),
             mix(grid_noise(i, j + 1, seed), grid_noise(i + 1, j + 1, seed), u), v);
}

/// Octaves of value noise, each twice as fine and half as strong, in [0, 1).
inline float fractal_noise(float x, float y, int octaves, std::uint32_t seed) {
  float sum = 0, weight = 0.5f, total = 0;
  for (int octave = 0; octave < octaves; ++octave) {
    sum += weight * noise(x, y, seed + static_cast<std::uint32_t>(octave) * 101U);
    total += weight;
    weight *= 0.5f;
    x = 2 * x + 17.3f;
    y = 2 * y + 5.9f;
  }
  return sum / total;
}

struct Box {
  float left, top, right, bottom;
};

struct Rectangle {
  float left, top, right, bottom;
  Box bounds() const { return {left, top, right, bottom}; }
  bool contains(Point p) const { return p.x >= left && p.x < right && p.y >= top && p.y < bottom; }
};

struct Ellipse {
  float x, y, rx, ry;
  Box bounds() const { return {x - rx, y - ry, x + rx, y + ry}; }
  bool contains(Point p) const {
    const float u = (p.x - x) / rx, v = (p.y - y) / ry;
    return u * u + v * v <= 1;
  }
};

/// A thick line with round ends.
struct Stroke {
  Point from, to;
  float radius;
  Box bounds() const {
    return {std::min(from.x, to.x) - radius, std::min(from.y, to.y) - radius, std::max(from.x, to.x) + radius,
            std::max(from.y, to.y) + radius};
  }
  bool contains(Point p) const {
    const float dx = to.x - from.x, dy = to.y - from.y;
    const float t = clamp01(((p.x - from.x) * dx + (p.y - from.y) * dy) / (dx * dx + dy * dy + 1e-12f));
    const float u = p.x - from.x - t * dx, v = p.y - from.y - t * dy;
    return u * u + v * v <= radius * radius;
  }
};

/// A simple polygon of at most eight corners.
struct Polygon {
  Point corners[8];
  int count;
  Box bounds() const {
    Box box{corners[0].x, corners[0].y, corners[0].x, corners[0].y};
    for (int i = 1; i < count; ++i)
      box = {std::min(box.left, corners[i].x), std::min(box.top, corners[i].y),
             std::max(box.right, corners[i].x), std::max(box.bottom, corners[i].y)};
    return box;
  }
  bool contains(Point p) const {
    bool inside = false;
    for (int i = 0, j = count - 1; i < count; j = i++) {
      const Point a = corners[i], b = corners[j];
      if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x) inside = !inside;
    }
    return inside;
  }
};

/// A shape given by a box and a test: `Region{box, [](Point p) { return ...; }}`.
template <class Test>
struct Region {
  Box box;
  Test test;
  Box bounds() const { return box; }
  bool contains(Point p) const { return test(p); }
};
template <class Test>
Region(Box, Test) -> Region<Test>;

/// Where an object stands: its own coordinates have the foot at (0, 0) and the top at about (0, -1).
struct Pose {
  Point origin{0, 0};
  float size = 1;
  float mirror = 1;  ///< -1: left and right exchanged
  float upside = 1;  ///< -1: up and down exchanged, as in a mirror of water
  float sine = 0, cosine = 1;

  Point local(float x, float y) const {
    const float dx = (x - origin.x) / size, dy = (y - origin.y) / size;
    return {mirror * (cosine * dx + sine * dy), upside * (cosine * dy - sine * dx)};
  }
  Point canvas(Point p) const {
    const float u = mirror * p.x, v = upside * p.y;
    return {origin.x + size * (cosine * u - sine * v), origin.y + size * (sine * u + cosine * v)};
  }
  Pose turned(float angle) const {
    Pose pose = *this;
    pose.sine = std::sin(angle);
    pose.cosine = std::cos(angle);
    return pose;
  }
};

/// How a shape is put on the canvas.
struct Brush {
  int instance = 0;              ///< which thing it belongs to; 0 is nothing
  Label material = Label::none;  ///< the texture it shows
  float depth = 0;               ///< 0 near, 1 as far as the sky
  float opacity = 1;
  bool emissive = false;  ///< shines by itself: not dimmed by the light of the scene
  bool ghost = false;     ///< colour only: what was seen before counts as seen still
};

/// What a brush's instance won by a fill: points, and the sum of their changes of colour (mean of channels).
struct Won {
  int points = 0;
  float contrast = 0;
};

/// Coordinates: y from 0 (top) to 1 (bottom), x from 0 to `aspect`, whatever the number of pixels.
class Canvas {
 public:
  Canvas(int width, int height)
      : width_(width), height_(height), aspect_(static_cast<float>(width) / static_cast<float>(height)) {
    const std::size_t count = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    color.assign(count, Color{0, 0, 0});
    depth.assign(count, 1.0f);
    owner.assign(count, 0);
    material.assign(count, Label::none);
  }

  /// Paints `shape`; `paint(local, point)` gives the tint for a point in the pose's and the canvas's
  /// coordinates.
  template <class Shape, class Paint>
  Won fill(const Pose& pose, const Shape& shape, const Brush& brush, const Paint& paint) {
    const Box box = shape.bounds();
    float left = 1e9f, top = 1e9f, right = -1e9f, bottom = -1e9f;
    for (const Point corner : {Point{box.left, box.top}, Point{box.right, box.top},
                               Point{box.left, box.bottom}, Point{box.right, box.bottom}}) {
      const Point p = pose.canvas(corner);
      left = std::min(left, p.x);
      right = std::max(right, p.x);
      top = std::min(top, p.y);
      bottom = std::max(bottom, p.y);
    }
    const float scale = static_cast<float>(height_);
    const int x0 = floor_int(std::clamp(left * scale, 0.0f, static_cast<float>(width_)));
    const int x1 = floor_int(std::clamp(right * scale + 1, 0.0f, static_cast<float>(width_)));
    const int y0 = floor_int(std::clamp(top * scale, 0.0f, scale));
    const int y1 = floor_int(std::clamp(bottom * scale + 1, 0.0f, scale));
    Won won;
    for (int row = y0; row < y1; ++row) {
      for (int column = x0; column < x1; ++column) {
        const Point point = center(column, row);
        const Point local = pose.local(point.x, point.y);
        if (!shape.contains(local)) continue;
        const Tint tint = paint(local, point);
        const float alpha = tint.alpha * brush.opacity;
        const std::size_t i = place(column, row);
        const Color before = color[i];
        color[i] = mix(before, brush.emissive ? tint.color : tint.color * light, alpha);
        if (brush.ghost || alpha <= 0.5f) continue;
        if (owner[i] != brush.instance) {
          ++won.points;
          won.contrast += (std::fabs(color[i].r - before.r) + std::fabs(color[i].g - before.g) +
                           std::fabs(color[i].b - before.b)) /
                          3;
        }
        owner[i] = static_cast<std::uint16_t>(brush.instance);
        material[i] = brush.material;
        depth[i] = brush.depth;
      }
    }
    return won;
  }

  /// One colour for the whole shape.
  template <class Shape>
  Won fill(const Pose& pose, const Shape& shape, const Brush& brush, Color flat) {
    return fill(pose, shape, brush, [flat](Point, Point) { return Tint(flat); });
  }

  Point center(int column, int row) const {
    const float step = 1 / static_cast<float>(height_);
    return {(static_cast<float>(column) + 0.5f) * step, (static_cast<float>(row) + 0.5f) * step};
  }
  std::size_t place(int column, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(column);
  }
  int width() const { return width_; }
  int height() const { return height_; }
  float aspect() const { return aspect_; }
  Rectangle everywhere() const { return {0, 0, aspect_, 1}; }

  Color light{1, 1, 1};
  std::vector<Color> color;
  std::vector<float> depth;
  std::vector<std::uint16_t> owner;
  std::vector<Label> material;

 private:
  int width_, height_;
  float aspect_;
};

}  // namespace mmdl::detail::scenes
