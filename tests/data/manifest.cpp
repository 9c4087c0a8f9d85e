// SPDX-License-Identifier: Apache-2.0
// Tests of data/manifest.hpp and data/vocabulary.hpp.
#include <doctest/doctest.h>

#include <filesystem>
#include <mmdl/data/manifest.hpp>
#include <mmdl/data/vocabulary.hpp>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace manifest_test {

using namespace mmdl;

namespace {

using Names = std::vector<std::string>;

const Manifest small{{"grass", "sky", "sea water"},
                     {{"images/1.jpg", {0, 2}, {"holiday", "sun"}}, {"2.jpg", {}, {}}, {"3.png", {1}, {"a"}}},
                     "root"};

Manifest parse(const std::string& text) { return parse_manifest(text, "m", "root"); }
std::string parse_error(const std::string& text) {
  return error_of([&] { parse(text); });
}
/// The error of a JSON manifest with these two samples' text.
std::string samples_error(const std::string& samples) {
  return parse_error(R"({"labels": ["a", "b"], "samples": [)" + samples + "]}");
}
std::string tsv_error(const std::string& lines) { return parse_error("#labels\ta,b\n" + lines); }

}  // namespace

TEST_CASE("a manifest in JSON, in both spellings, the vocabulary last or first") {
  CHECK(parse(R"({"labels": ["grass", "sky", "sea water"], "samples": [
      {"image": "images/1.jpg", "labels": ["grass", "sea water"], "tags": ["holiday", "sun"]},
      {"image": "2.jpg", "labels": []},
      {"image": "3.png", "labels": ["sky"], "tags": ["a"]}]})") == small);
  Manifest untagged = small;
  for (auto& sample : untagged.samples) sample.tags.clear();
  CHECK(parse(R"({"samples": [
      {"image_name": "images/1.jpg", "image_labels": ["grass", "sea water"]},
      {"image_name": "2.jpg", "image_labels": []},
      {"image_name": "3.png", "image_labels": ["sky"]}], "labels": ["grass", "sky", "sea water"]})") ==
        untagged);
}

TEST_CASE("a manifest in TSV, with either line end, with or without the last") {
  const std::string text =
      "#labels\tgrass,sky,sea water\nimages/1.jpg\tgrass,sea water\tholiday,sun\n2.jpg\t\n3.png\tsky\ta";
  CHECK(parse(text) == small);
  CHECK(parse(text + "\n") == small);
  std::string windows;
  for (const char c : text) windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(parse(windows + "\r\n") == small);
}

TEST_CASE("writing and reading gives the same manifest, in both forms") {
  const TemporaryFolder folder;
  for (const char* name : {"m.json", "m.tsv"}) {
    write_manifest(folder / name, small);
    Manifest back = read_manifest(folder / name);
    CHECK(std::filesystem::equivalent(back.root, folder.path));
    back.root = small.root;
    CHECK(back == small);
  }
  Manifest odd = small;
  odd.labels[0] = "comma, \"quote\" \\ and \xC3\xA4";
  write_manifest(folder / "odd.json", odd);
  CHECK(read_manifest(folder / "odd.json").labels == odd.labels);
  CHECK(contains(error_of([&] { write_manifest(folder / "odd.tsv", odd); }), "names without commas"));
  CHECK(contains(error_of([&] { write_manifest(folder / "m.txt", small); }),
                 "expected a path that ends in .json or"));
  odd = small;
  odd.samples[2].image = "#labels";  // would be read as the header
  write_manifest(folder / "odd.json", odd);
  CHECK(read_manifest(folder / "odd.json").samples[2].image == "#labels");
  CHECK(contains(error_of([&] { write_manifest(folder / "odd.tsv", odd); }), "an image named '#labels'"));
  odd = small;
  odd.samples[2].labels = {3};
  CHECK(contains(error_of([&] { write_manifest(folder / "m.json", odd); }),
                 "sample 2: found label 3, expected 0 to 2"));
  odd.samples[2].labels = {1, 1};
  CHECK(contains(error_of([&] { write_manifest(folder / "m.json", odd); }), "the label 'sky' twice"));
  odd.samples[2].labels = {};
  odd.samples[2].image = "../3.png";
  CHECK(contains(error_of([&] { write_manifest(folder / "m.json", odd); }), "leads out of it"));
  Manifest back = read_manifest(folder / "m.json");  // the failures left the file alone
  back.root = small.root;
  CHECK(back == small);
}

TEST_CASE("the root is the manifest's folder, or where the options say") {
  const TemporaryFolder folder;
  write_manifest(folder / "m.tsv", small);
  CHECK(read_manifest(folder / "m.tsv", {.root = "images"}).root == folder / "images");
  CHECK(read_manifest(folder / "m.tsv", {.root = "/elsewhere"}).root == "/elsewhere");
  CHECK(contains(error_of([&] { read_manifest(folder / "absent.json"); }), folder / "absent.json: cannot"));
}

TEST_CASE("a manifest in JSON cut short at any byte is an error that names a byte") {
  const std::string text =
      R"({"labels": ["a"], "samples": [{"image": "1.jpg", "labels": ["a"], "tags": ["x"]}]})";
  CHECK_NOTHROW(parse(text));
  for (std::size_t size = 1; size < text.size(); ++size)
    CHECK(parse_error(text.substr(0, size)).starts_with("m: byte "));
  CHECK(parse_error("") == "m: found an empty file, expected a manifest");
  CHECK(contains(parse_error("  \n"), "m: line 1: found '  ', expected '#labels"));
}

TEST_CASE("JSON of a wrong type or with wrong keys") {
  CHECK(parse_error("[1]") == "m: found a JSON array, expected a JSON object with 'labels' and 'samples'");
  CHECK(parse_error(R"({"samples": []})") == "m: found no key 'labels', expected the vocabulary");
  CHECK(parse_error(R"({"labels": ["a"]})") == "m: found no key 'samples', expected the samples");
  CHECK(parse_error(R"({"labels": ["a"], "samples": []})") == "m: found no samples, expected at least one");
  CHECK(parse_error(R"({"labels": "a", "samples": []})") ==
        "m: labels: found a JSON string, expected a JSON array of strings");
  CHECK(parse_error(R"({"labels": ["a", 1], "samples": []})") ==
        "m: labels: item 1: found a JSON number, expected a JSON string");
  CHECK(parse_error(R"({"labels": [], "samples": []})") ==
        "m: labels: found a vocabulary without labels, expected at least one");
  CHECK(parse_error(R"({"labels": ["a"], "samples": {}})") ==
        "m: samples: found a JSON object, expected a JSON array of objects");
  CHECK(contains(parse_error(R"({"labels": ["a"], "samples": [], "sample": []})"), "found the key 'sample'"));
  CHECK(samples_error("3") == "m: sample 0: found a JSON number, expected a JSON object");
  CHECK(samples_error(R"({"labels": []})") ==
        "m: sample 0: found no key 'image', expected the path of the image");
  CHECK(contains(samples_error(R"({"image": "1"})"), "m: sample 0: found no key 'labels'"));
  CHECK(samples_error(R"({"image": 1, "labels": []})") ==
        "m: sample 0: image: found a JSON number, expected a JSON string");
  CHECK(samples_error(R"({"image": "1", "labels": [null]})") ==
        "m: sample 0: labels: item 0: found a JSON null, expected a JSON string");
  CHECK(contains(samples_error(R"({"image": "1", "labels": [], "tags": "x"})"),
                 "sample 0: tags: found a JSON string"));
  CHECK(contains(samples_error(R"({"image": "1", "label": ["a"]})"), "sample 0: found the key 'label'"));
  CHECK(samples_error(R"({"image": "1", "image_name": "1", "labels": []})") ==
        "m: sample 0: found 'image' and 'image_name', expected one of them");
  CHECK(samples_error(R"({"image": "0", "labels": []}, {"image": "1", "labels": ["a"], "labels": []})") ==
        "m: sample 1: found the key 'labels' twice, expected each key once");
  CHECK(
      parse_error("{\"labels\": [\"\xFF\"], \"samples\": []}").starts_with("m: byte 14: found invalid JSON"));
  CHECK(contains(parse_error(R"({"labels": ["a"], "samples": [1e999]})"), "invalid JSON"));
  CHECK_FALSE(parse_error(std::string(100000, '[')).empty());
}

TEST_CASE("TSV of a wrong form names the line") {
  CHECK(contains(parse_error("1.jpg\ta\n"), "m: line 1: found '1.jpg\\x09a', expected '#labels<TAB>"));
  CHECK(tsv_error("1.jpg\ta\n\n") ==
        "m: line 3: found 0 fields, expected 2 or 3: path<TAB>label,label<TAB>tag,tag");
  CHECK(contains(tsv_error("1.jpg\n"), "m: line 2: found 1 fields"));
  CHECK(contains(tsv_error("1.jpg\ta\tx\ty\n"), "m: line 2: found 4 fields"));
  CHECK(contains(tsv_error("1.jpg\ta\n#labels\tc\n"), "m: line 3: found a second '#labels' line"));
  CHECK(contains(tsv_error("1.jpg\ta,,b\n"), "m: line 2: found an empty label"));
  CHECK(contains(tsv_error("1.jpg\ta\tx,\n"), "m: line 2: found an empty tag"));
  CHECK(contains(tsv_error(std::string("1.j\0pg\ta\n", 9)), "m: line 2: found the path '1.j\\x00pg'"));
  CHECK(contains(tsv_error("1.jpg\ta\t\xFF\n"), "m: line 2: found the tag '\\xff', expected UTF-8"));
  CHECK(contains(parse_error("#labels\t\n1.jpg\t\n"), "line 1: found a vocabulary without labels"));
  CHECK(contains(tsv_error(""), "found no samples"));
}

TEST_CASE("contradictions: unknown and repeated labels, repeated images") {
  CHECK(contains(parse_error(R"({"labels": ["a", "b", "a"], "samples": []})"),
                 "the label 'a' twice in the vocabulary"));
  CHECK(contains(parse_error(R"({"labels": ["a", ""], "samples": []})"), "m: labels: found an empty label"));
  CHECK(tsv_error("1.jpg\tc\n") ==
        "m: line 2: found the unknown label 'c', expected a label of the vocabulary");
  CHECK(tsv_error("1.jpg\ta,b,a\n") ==
        "m: line 2: found the label 'a' twice, expected each label of a sample once");
  CHECK(tsv_error("1.jpg\ta\n./x/..//1.jpg\tb\n") ==
        "m: line 3: found the image './x/..//1.jpg' again, already at m: line 2, expected each image once");
}

TEST_CASE("paths stay below the root") {
  for (const char* path : {"/etc/passwd", "..", "../1.jpg", "a/../../1.jpg", ".", "a/..", "//x"}) {
    CAPTURE(path);
    CHECK(contains(tsv_error(std::string(path) + "\ta\n"), "expected a path of a file below the root"));
  }
  CHECK(contains(tsv_error("\ta\n"), "m: line 2: found an empty path"));
  CHECK(parse("#labels\ta\nb/../..jpg\ta\n").samples.size() == 1);
}

TEST_CASE("symbolic links that lead out of the root are refused unless allowed") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  fs::create_directories(folder / "root/inner");
  fs::create_directories(folder / "other");
  write_file(folder / "other/1.jpg", "x");
  write_file(folder / "root/inner/1.jpg", "x");
  fs::create_symlink(folder / "other/1.jpg", folder / "root/file.jpg");
  fs::create_symlink(folder / "other", folder / "root/folder");
  fs::create_symlink("inner", folder / "root/within");
  fs::create_symlink("inner/1.jpg", folder / "root/within.jpg");
  fs::create_symlink("nowhere", folder / "root/dangling.jpg");
  const auto error = [&](const std::string& image, bool outside) {
    return error_of([&] { parse_manifest("#labels\ta\n" + image + "\ta\n", "m", folder / "root", outside); });
  };
  for (const char* image : {"file.jpg", "folder/1.jpg"}) {
    CHECK(contains(error(image, false), "which a symbolic link takes out of the root"));
    CHECK(error(image, true).empty());
  }
  for (const char* image : {"within/1.jpg", "within.jpg", "dangling.jpg", "inner/1.jpg", "absent/absent.jpg"})
    CHECK(error(image, false).empty());
}

TEST_CASE("a tags file is joined by path") {
  const TemporaryFolder folder;
  const auto attach = [&](Manifest& manifest, const std::string& text, bool allow = false) {
    write_file(folder / "tags.txt", text);
    return attach_tags(manifest, folder / "tags.txt", {.allow_unknown_images = allow});
  };
  Manifest manifest = small;
  CHECK(attach(manifest, "2.jpg  red\tblue \r\n\n./images/1.jpg sea\n3.png\n") == 0);
  CHECK(manifest.samples[0].tags == Names{"holiday", "sun", "sea"});
  CHECK(manifest.samples[1].tags == Names{"red", "blue"});
  CHECK(manifest.samples[2].tags == Names{"a"});

  manifest = small;
  const std::string unknown = "2.jpg red\n4.jpg blue\n5.jpg\n";
  CHECK(error_of([&] { attach(manifest, unknown); }) ==
        folder / "tags.txt: line 2: found the unknown image '4.jpg', expected an image of the manifest");
  CHECK(manifest == small);
  CHECK(attach(manifest, unknown, true) == 2);
  CHECK(manifest.samples[1].tags == Names{"red"});
  CHECK(contains(error_of([&] { attach(manifest, "2.jpg a\n2.jpg b\n"); }),
                 "line 2: found a second line of an image"));
  CHECK(contains(error_of([&] { attach(manifest, "2.jpg \x01\n"); }), "line 1: found the word '\\x01'"));
  CHECK_THROWS_AS(attach_tags(manifest, folder / "absent.txt"), Error);
}

TEST_CASE("the vocabulary holds the tags of most samples, ties in byte order") {
  std::vector<Sample> samples(4);
  samples[0].tags = {"sea", "sea", "sea", "zoo"};
  samples[1].tags = {"sun", "sea", "ant"};
  samples[2].tags = {"sun", "zoo"};
  samples[3].tags = {"sun", "bee"};
  CHECK(TagVocabulary(samples, 3).words() == Names{"sun", "sea", "zoo"});
  const TagVocabulary all(samples, 100);
  CHECK(all.words() == Names{"sun", "sea", "zoo", "ant", "bee"});
  CHECK(all.size() == 5);
  CHECK(all.column("zoo") == 2);
  CHECK(all.column("cat") == -1);
  CHECK(TagVocabulary(all.words()).words() == all.words());
  CHECK(error_of([&] { TagVocabulary(samples, 0); }) == "TagVocabulary: count: found 0, expected 1 or more");

  std::vector<float> vector(5, 7.0f);
  CHECK(all.encode(Names{"ant", "cat", "sun", "ant", "dog"}, vector) == 2);
  CHECK(vector == std::vector<float>{1, 0, 0, 1, 0});
  CHECK(all.encode({}, vector) == 0);
  CHECK(vector == std::vector<float>(5, 0.0f));
  CHECK_THROWS_AS(all.encode({}, std::span(vector).first(4)), Error);
  CHECK(error_of([] {
          TagVocabulary(Names{"a", "b", "a"});
        }) == "TagVocabulary: word 2: found 'a' again, expected each tag once");
  CHECK_THROWS_AS(TagVocabulary(Names{"a", ""}), Error);
}

}  // namespace manifest_test
