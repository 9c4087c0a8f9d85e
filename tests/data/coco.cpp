// SPDX-License-Identifier: Apache-2.0
// Tests of data/coco.hpp, and of tags joined by COCO's keys.
#include <doctest/doctest.h>

#include <mmdl/data/coco.hpp>
#include <mmdl/data/manifest.hpp>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace coco_test {

using namespace mmdl;

namespace {

const std::string images =
    R"("images": [{"license": 1, "file_name": "COCO_val2014_000000000042.jpg", "id": 42, "height": 4, "width": 5.5},
  {"id": 7, "file_name": "COCO_val2014_000000000007.jpg"}, {"id": 9, "file_name": "COCO_val2014_000000000009.jpg"}])";
const std::string categories =
    R"("categories": [{"id": 90, "name": "toothbrush"}, {"supercategory": "x", "id": 1, "name": "person"}, {"id": 13, "name": "stop sign"}])";
const std::string annotations =
    R"("annotations": [{"segmentation": [[1.5, 2, 3]], "image_id": 42, "category_id": 90, "id": 5, "bbox": [1, 2, 3, 4]},
  {"segmentation": {"counts": [1, 2], "image_id": 1}, "iscrowd": 1, "image_id": 42, "category_id": 1},
  {"image_id": 42, "category_id": 90}, {"image_id": 9, "category_id": 13}])";

Coco parse(const std::string& text, const CocoOptions& options = {}) {
  return detail::make_coco("c", detail::parse_coco("c", text), "root", options);
}
std::string parse_error(const std::string& text, const CocoOptions& options = {}) {
  return error_of([&] { parse(text, options); });
}
std::string document(const std::string& a, const std::string& b, const std::string& c) {
  return R"({"info": {"year": 2014, "images": [1]}, )" + a + ", " + b + ", " + c + "}";
}

}  // namespace

TEST_CASE("COCO: columns by sorted id, labels are the set over the annotations, in any order of sections") {
  for (const auto& text :
       {document(images, annotations, categories), document(annotations, categories, images)}) {
    const Coco read = parse(text);
    CHECK(read.manifest == Manifest{{"person", "stop sign", "toothbrush"},
                                    {{"COCO_val2014_000000000042.jpg", {0, 2}, {}},
                                     {"COCO_val2014_000000000007.jpg", {}, {}},
                                     {"COCO_val2014_000000000009.jpg", {1}, {}}},
                                    "root"});
    CHECK(read.category_ids == std::vector<std::int64_t>{1, 13, 90});
    CHECK(read.image_ids == std::vector<std::int64_t>{42, 7, 9});
  }
}

TEST_CASE("COCO: images without annotation or file") {
  const std::string text = document(images, annotations, categories);
  const Coco left = parse(text, {.unlabelled = Incomplete::leave_out});
  CHECK(left.unlabelled == 1);
  CHECK(left.image_ids == std::vector<std::int64_t>{42, 9});
  CHECK(parse_error(text, {.unlabelled = Incomplete::refuse}) ==
        "c: image 1: found no annotation of 'COCO_val2014_000000000007.jpg', expected at least one");
  CHECK(contains(parse_error(text, {.gone = Incomplete::refuse}), "c: image 0: found no file 'COCO_val2014"));
  CHECK(contains(parse_error(text, {.gone = Incomplete::leave_out}), "c: found no samples"));
}

TEST_CASE("COCO: bad annotations are refused with their place") {
  const auto with = [&](const std::string& items) {
    return parse_error(document(images, R"("annotations": [)" + items + "]", categories));
  };
  CHECK(with(R"({"image_id": 42, "category_id": 1}, {"image_id": 8, "category_id": 1})") ==
        "c: annotation 1: found the unknown image 8, expected an id of 'images'");
  CHECK(with(R"({"image_id": 42, "category_id": 2})") ==
        "c: annotation 0: found the unknown category 2, expected an id of 'categories'");
  CHECK(with(R"({"image_id": 42})") == "c: annotation 0: found no 'category_id', expected a whole number");
  CHECK(with(R"({"image_id": 1.5})") ==
        "c: annotation 0: found a fraction as 'image_id', expected a whole number");
  CHECK(with(R"({"image_id": "42"})") ==
        "c: annotation 0: found a string as 'image_id', expected a whole number");
  CHECK(with(R"({"image_id": [42]})") ==
        "c: annotation 0: found an array as 'image_id', expected a whole number");
  CHECK(with(R"({"image_id": 1, "image_id": 2})") ==
        "c: annotation 0: found the key 'image_id' twice, expected each key once");
  CHECK(contains(with("5"), "c: annotation 0: found a number, expected an object"));
  CHECK(contains(parse_error("[]"), "c: found an array, expected an object"));
  CHECK(contains(parse_error("{}"), "c: found no 'images'"));
  CHECK(contains(parse_error(R"({"images": {}})"), "found an object as a section, expected an array"));
  CHECK(contains(parse_error("{" + images + ", " + images + "}"), "the key 'images' twice"));
  CHECK(
      contains(parse_error(document(R"("images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}])",
                                    annotations, categories)),
               "c: image 1: found the id 1 again"));
  CHECK(
      contains(parse_error(document(R"("images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "a"}])",
                                    R"("annotations": [])", categories)),
               "found the image 'a' again"));
  CHECK(contains(parse_error(document(R"("images": [])", annotations, categories)), "c: found no images"));
}

TEST_CASE("COCO: JSON that is cut short anywhere says so") {
  const std::string text = document(images, annotations, categories);
  for (std::size_t size = 1; size < text.size(); ++size) {
    const std::string message = parse_error(text.substr(0, size));
    CAPTURE(size);
    CHECK(contains(message, "c: byte "));
    const bool in_number = contains(message, "invalid number; expected digit after '.'");
    CHECK(
        (in_number ||
         contains(message, "found the end of the file, expected the rest of the JSON, which is cut short")));
  }
}

TEST_CASE("COCO: a file, and its tags by path, file name, name or id") {
  const TemporaryFolder folder;
  write_file(folder / "i.json", document(images, annotations, categories));
  CHECK(contains(error_of([&] { read_coco(folder / "no.json", folder.path); }), "no.json: cannot open"));
  for (const std::string key : {"COCO_val2014_000000000042.jpg", "COCO_val2014_000000000042", "42"}) {
    CAPTURE(key);
    Manifest manifest = read_coco(folder / "i.json", folder.path).manifest;
    for (auto& sample : manifest.samples) sample.image = "val2014/" + sample.image;
    write_file(folder / "tags", key + " beach sun\n");
    CHECK(contains(error_of([&] { attach_tags(manifest, folder / "tags"); }),
                   "line 1: found the unknown image"));
    CHECK(attach_tags(manifest, folder / "tags", {.key = ImageKey::any}) == 0);
    CHECK(manifest.samples[0].tags == std::vector<std::string>{"beach", "sun"});
  }
  Manifest twins{{"a"}, {{"x/1.jpg", {}, {}}, {"y/1.jpg", {}, {}}}, ""};
  write_file(folder / "tags", "x/1.jpg a\n1 b\n");
  CHECK(contains(error_of([&] { attach_tags(twins, folder / "tags", {.key = ImageKey::any}); }),
                 "line 2: found the key '1' of 2 images"));
}

}  // namespace coco_test
