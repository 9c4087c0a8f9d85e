// SPDX-License-Identifier: Apache-2.0
// Safetensors: each defect has its message, what is written is read, and a failed write changes nothing.
#include <dirent.h>
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <limits>
#include <mmdl/io/safetensors.hpp>

namespace {

using mmdl::SafetensorsFile;
using mmdl::SafetensorsWriter;

/// A folder of its own for each test, removed at the end.
class Folder {
 public:
  Folder() {
    const char* base = std::getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/mmdl_safetensors_XXXXXX";
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    for (const std::string& name : names()) ::unlink((path_ + "/" + name).c_str());
    ::rmdir(path_.c_str());
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    DIR* folder = ::opendir(path_.c_str());
    for (const dirent* entry = ::readdir(folder); entry != nullptr; entry = ::readdir(folder))
      if (entry->d_name[0] != '.') result.emplace_back(entry->d_name);
    ::closedir(folder);
    return result;
  }

 private:
  std::string path_;
};

template <class Action>
std::string message(const Action& action) {
  try {
    action();
  } catch (const mmdl::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string bytes_of(const std::string& header, std::size_t data_size) {
  std::string contents;
  for (std::size_t i = 0; i < 8; ++i) contents += static_cast<char>(header.size() >> (8 * i) & 255U);
  return contents + header + std::string(data_size, '\0');
}

std::string parse_message(const std::string& header, std::size_t data_size) {
  return message([&] { SafetensorsFile::parse(bytes_of(header, data_size), "f"); });
}

/// A header of one tensor 'a' of 4 bytes with these fields.
std::string described(const std::string& fields) { return "{\"a\":{" + fields + "}}"; }

const std::string good = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";

}  // namespace

TEST_CASE("safetensors: a file of the reference implementation is read") {
  const SafetensorsFile file(MMDL_GOLDEN_DIR "/safetensors.safetensors");
  CHECK(file.tensors().size() == 15);
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.metadata().at("note") == "two\nlines, \"quoted\", \u00e9");
  const auto same = [](const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
      return (std::isnan(x) && std::isnan(y)) ||
             std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
    });
  };
  const std::vector<float> values = file.floats("F32");
  REQUIRE(values.size() == 12);
  CHECK(values[3] == -2.5f);
  CHECK(std::signbit(values[1]));
  CHECK(std::isnan(values[10]));
  CHECK(same(file.floats("F64"), values));
  CHECK(same(file.floats("F16"), file.floats("F16.as_float")));
  CHECK(same(file.floats("BF16"), file.floats("BF16.as_float")));
  CHECK(file.doubles("F64")[4] == 0.333251953125);
  CHECK(file.doubles("F32")[11] == 1000.5);
  CHECK(file.at("I64").shape == std::vector<std::int64_t>{2, 3});
  CHECK(file.integers("I64") == std::vector<std::int64_t>{-(1LL << 62), -1, 0, 1, 2, 1LL << 62});
  CHECK(file.integers("I32") == std::vector<std::int64_t>{-2147483648LL, 2147483647});
  CHECK(file.integers("I16") == std::vector<std::int64_t>{-32768, 32767});
  CHECK(file.integers("I8") == std::vector<std::int64_t>{-128, 127});
  CHECK(file.integers("U8") == std::vector<std::int64_t>{0, 200, 255});
  CHECK(file.integers("BOOL") == std::vector<std::int64_t>{1, 0, 1});
  CHECK(file.at("scalar").shape.empty());
  CHECK(file.floats("scalar") == std::vector<float>{42});
  CHECK(file.at("empty").shape == std::vector<std::int64_t>{0, 7});
  CHECK(file.floats("empty").empty());
  const std::string name = "sch\u00f6n \"\\/\n\t\u732b\U0001f431";
  CHECK(file.at(name).shape == std::vector<std::int64_t>{1, 2, 3});
  CHECK(file.floats(name) == std::vector<float>{0, 1, 2, 3, 4, 5});
  CHECK(file.find("absent") == nullptr);
}

TEST_CASE("safetensors: every half-precision number is converted") {
  // Against the definition, computed another way.
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = mmdl::detail::float_from_half(static_cast<std::uint16_t>(bits));
    const int exponent = static_cast<int>(bits >> 10 & 31U), fraction = static_cast<int>(bits & 1023U);
    const float sign = bits >= 32768 ? -1.0f : 1.0f;
    float expected = std::numeric_limits<float>::infinity();
    if (exponent < 31)
      expected = std::ldexp(static_cast<float>(exponent == 0 ? fraction : 1024 + fraction),
                            std::max(exponent, 1) - 25);
    if (exponent == 31 && fraction != 0) {
      REQUIRE(std::isnan(value));
      continue;
    }
    REQUIRE(value == sign * expected);
    REQUIRE(std::signbit(value) == (bits >= 32768));
  }
}

TEST_CASE("safetensors: what is written is read") {
  const Folder folder;
  const std::string path = folder / "weights.safetensors";
  const std::vector<float> weight{1.5f, -2, 3, 4, 5, std::numeric_limits<float>::denorm_min()};
  const std::vector<double> mean{0.1, 1e-300};
  const std::vector<std::int64_t> steps{-7};
  const std::vector<unsigned char> mask{1, 2, 255};
  SafetensorsWriter writer;
  writer.add_bytes("mask", "U8", {3}, mask.data(), mask.size());
  writer.add("weight \"\\\n\x01\u00fc", {2, 3}, weight.data());
  writer.add("mean", {2}, mean.data());
  writer.add("steps", {}, steps.data());
  writer.add("none", {4, 0}, static_cast<const float*>(nullptr));
  writer.metadata("epoch", "1");
  writer.metadata("epoch", "2\n");
  writer.write(path);
  const SafetensorsFile file(path);
  CHECK(file.path() == path);
  CHECK(file.tensors().size() == 5);
  CHECK(file.floats("weight \"\\\n\x01\u00fc") == weight);
  CHECK(file.doubles("mean") == mean);
  CHECK(file.floats("mean")[0] == 0.1f);
  CHECK(file.integers("steps") == steps);
  CHECK(file.integers("mask") == std::vector<std::int64_t>{1, 2, 255});
  CHECK(file.floats("none").empty());
  CHECK(file.metadata() == std::map<std::string, std::string>{{"epoch", "2\n"}});
  // Every tensor is aligned to its own number, for the first lies at a multiple of 64 of the mapped file.
  for (const mmdl::TensorInfo& info : file.tensors())
    CHECK(reinterpret_cast<std::uintptr_t>(file.bytes(info).data()) %
              mmdl::detail::safetensors_number_size(info.dtype) ==
          0);
  CHECK(reinterpret_cast<std::uintptr_t>(file.bytes(file.tensors().front()).data()) % 64 == 0);
  // The same content gives the same bytes, and a copy outlives the original.
  writer.write(folder / "again");
  CHECK(mmdl::read_file(path, 1 << 20) == mmdl::read_file(folder / "again", 1 << 20));
  auto first = std::make_unique<SafetensorsFile>(path);
  const SafetensorsFile copy = *first;
  first.reset();
  CHECK(copy.doubles("mean") == mean);
  CHECK(folder.names().size() == 2);
}

TEST_CASE("safetensors: an empty file of tensors") {
  const Folder folder;
  SafetensorsWriter().write(folder / "none");
  CHECK(SafetensorsFile(folder / "none").tensors().empty());
}

TEST_CASE("safetensors: each defect of the header is named") {
  CHECK(parse_message("{}", 0) == "nothing was thrown");
  CHECK(parse_message(described(good) + "  ", 4) == "nothing was thrown");
  CHECK(parse_message(" {}", 0) ==
        "f: header byte 0: found ' ', expected '{', the first character of a header");
  struct Case {
    std::string header;
    std::string words;
    std::size_t data = 4;
  };
  const std::string two = R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":)";
  const std::vector<Case> cases{
      {"hello", "header byte 0: found 'h', expected '{'"},
      {"", "found the end of the header, expected '{'"},
      {"[]", "found '[', expected '{'"},
      {"{\"a\":{\"dtype\":\"F3", "found the end of the header, expected the closing quote"},
      {"{\"a\" 1}", "found '1', expected ':'"},
      {"{\"a\":1}", "found '1', expected '{', the start of the description of tensor 'a'"},
      {"{\"__metadata__\":{},}", "found '}', expected a name in quotes"},
      {"{} {}", "header byte 3: found '{', expected nothing but spaces"},
      {"{}\n", "found '\\x0a', expected nothing but spaces"},
      {"{}" + std::string(1, '\0'), "found '\\x00', expected nothing but spaces"},
      {"{\"a\":{" + good + "},\"a\":{" + good + "}}", "f: found tensor 'a' twice"},
      {"{\"a\":{" + good + "},\"\\u0061\":{" + good + "}}", "f: found tensor 'a' twice"},
      {described(good + R"(,"dtype":"F32")"), "found the field 'dtype' of tensor 'a' twice"},
      {described(good + R"(,"strides":[1])"),
       "found the field 'strides' of tensor 'a', expected dtype, shape"},
      {described(R"("dtype":"F32","shape":[1])"), "found no field 'data_offsets' of tensor 'a'"},
      {described(R"("shape":[1],"data_offsets":[0,4])"), "found no field 'dtype' of tensor 'a'"},
      {described(R"("dtype":"F32","data_offsets":[0,4])"), "found no field 'shape' of tensor 'a'"},
      {described(R"("dtype":"F33","shape":[1],"data_offsets":[0,4])"), "found the dtype 'F33' of tensor 'a'"},
      {described(R"("dtype":32,"shape":[1],"data_offsets":[0,4])"),
       "found '3', expected a string as the dtype"},
      {described(R"("dtype":"F32","shape":1)"), "found '1', expected '[', the start of a shape"},
      {described(R"("dtype":"F32","shape":[-1])"), "found -1, expected a whole number of at least 0"},
      {described(R"("dtype":"F32","shape":[-0])"), "found -0, expected a whole number"},
      {described(R"("dtype":"F32","shape":[1.0])"), "found 1.0, expected a whole number"},
      {described(R"("dtype":"F32","shape":[1e0])"), "found 1e0, expected a whole number"},
      {described(R"("dtype":"F32","shape":[01])"), "found 01, expected a whole number"},
      {described(R"("dtype":"F32","shape":[9223372036854775808])"), "found 9223372036854775808, expected"},
      {described(R"("dtype":"F32","shape":[1)" + std::string(900, '0') + "])"),
       "0..., expected a whole number"},
      {described(R"("dtype":"F32","shape":[1 1])"), "found '1', expected ',' or ']'"},
      {described(R"("dtype":"F32","shape":[1,])"), "found ']', expected a whole number"},
      {described(R"("dtype":"F32","shape":[[1]])"), "found '[', expected a whole number"},
      {described(R"("dtype":"F32","shape":)" + std::string(1000000, '[')),
       "found '[', expected a whole number"},
      {std::string(1000000, '{'), "found '{', expected a name in quotes"},
      {described(R"("dtype":"F32","shape":[1099511627776,1099511627776],"data_offsets":[0,4])"),
       "tensor 'a': found the shape [1099511627776, 1099511627776], expected fewer bytes"},
      {described(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,4])"),
       "found 3 data_offsets of tensor 'a'"},
      {described(R"("dtype":"F32","shape":[1],"data_offsets":[])"), "found 0 data_offsets of tensor 'a'"},
      {described(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"),
       "tensor 'a': found data_offsets [4, 0], expected begin not beyond end"},
      {described(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"),
       "found data_offsets [0, 8], expected an end within the 4 bytes"},
      {described(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       "4 bytes, expected 8 for F32 of shape [2]"},
      {described(R"("dtype":"F64","shape":[1],"data_offsets":[0,4])"),
       "4 bytes, expected 8 for F64 of shape [1]"},
      {described(R"("dtype":"F32","shape":[],"data_offsets":[0,0])"),
       "0 bytes, expected 4 for F32 of shape []"},
      {"{\"a\":{" + good + "}" + two + "[2,6]}}",
       "tensor 'b': found data_offsets [2, 6] that overlap, expected a begin of 4", 6},
      {"{\"a\":{" + good + "}" + two + "[0,4]}}", "tensor 'b': found data_offsets [0, 4] that overlap", 4},
      {"{\"a\":{" + good + "}" + two + "[6,10]}}",
       "tensor 'b': found data_offsets [6, 10] that leave a hole, expected a begin of 4", 10},
      {described(R"("dtype":"F32","shape":[1],"data_offsets":[1,5])"), "[1, 5] that leave a hole", 5},
      {described(good), "f: found 1 bytes after the last tensor", 5},
      {"{}", "f: found 4 bytes after the last tensor"},
      {"{\"\xff\":{" + good + "}}", "header byte 2: found '\\xff', expected UTF-8"},
      {"{\"\xc0\x80\":{" + good + "}}", "found '\\xc0', expected UTF-8"},
      {"{\"\xed\xa0\x80\":{" + good + "}}", "found '\\xed', expected UTF-8"},
      {"{\"\xf4\x90\x80\x80\":{" + good + "}}", "found '\\xf4', expected UTF-8"},
      {"{\"a\nb\":{" + good + "}}", "found '\\x0a', expected control characters in a string to be escaped"},
      {R"({"\q":{)" + good + "}}", "found 'q', expected one of the escapes"},
      {R"({"\u12g4":{)" + good + "}}", "found 'g', expected four hexadecimal digits"},
      {R"({"\ud800":{)" + good + "}}", "found an escaped high surrogate alone"},
      {R"({"\ud800\u0041":{)" + good + "}}", "found an escaped high surrogate alone"},
      {R"({"\udc00":{)" + good + "}}", "found an escaped low surrogate alone"},
      {R"({"__metadata__":{"k":1}})", "found '1', expected a string as the value of metadata"},
      {R"({"__metadata__":{"k":null}})", "found 'n', expected a string as the value of metadata"},
      {R"({"__metadata__":{"k":{}}})", "found '{', expected a string as the value of metadata"},
      {R"({"__metadata__":"k"})", "found '\"', expected '{', the start of the metadata"},
      {R"({"__metadata__":{"k":"1","k":"2"}})", "found the metadata key 'k' twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "found a second '__metadata__'"},
  };
  for (const Case& defect : cases) {
    CAPTURE(defect.header.substr(0, 200));
    const std::string text = parse_message(defect.header, defect.data);
    CAPTURE(text);
    CHECK(text.find(defect.words) != std::string::npos);
    CHECK(text.substr(0, 3) == "f: ");
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.size() < 400);
  }
}

TEST_CASE("safetensors: each defect of the file is named") {
  const auto parse = [](std::string contents) {
    return message([&] { SafetensorsFile::parse(std::move(contents), "f"); });
  };
  CHECK(parse("") == "f: found 0 bytes, expected at least the 8 of the header's length");
  CHECK(parse("1234567") == "f: found 7 bytes, expected at least the 8 of the header's length");
  CHECK(parse(std::string("\x03\0\0\0\0\0\0\0{}", 10)) ==
        "f: found a header length of 3, expected at most the 2 bytes that follow in the file");
  CHECK(parse(std::string("\0\0\0\0\0\0\0\x80{}", 10)).find("expected at most 100000000 bytes") !=
        std::string::npos);

  const Folder folder;
  const auto open = [](const std::string& path) { return message([&] { SafetensorsFile file(path); }); };
  CHECK(open(folder / "absent") == (folder / "absent") + ": cannot open: No such file or directory");
  CHECK(open(folder / "").find("not a regular file") != std::string::npos);
  CHECK(open("/dev/null").find("not a regular file") != std::string::npos);
  mmdl::write_file(folder / "empty", "");
  CHECK(open(folder / "empty") ==
        (folder / "empty") + ": found 0 bytes, expected at least the 8 of the header's length");

  const auto file = SafetensorsFile::parse(bytes_of(described(good), 4), "f");
  CHECK(message([&] { file.floats("b\n"); }) == "f: found no tensor 'b\\x0a' among 1, expected one");
  CHECK(message([&] { file.integers("a"); }).find("f: tensor 'a': found dtype F32, expected I64") == 0);
  const auto whole = SafetensorsFile::parse(
      bytes_of(described(R"("dtype":"I32","shape":[1],"data_offsets":[0,4])"), 4), "f");
  CHECK(message([&] { whole.floats("a"); }) ==
        "f: tensor 'a': found dtype I32, expected F32, F64, F16 or BF16");

  const double large = 1e300;
  SafetensorsWriter writer;
  writer.add("large", {1}, &large);
  writer.write(folder / "large");
  const SafetensorsFile wide(folder / "large");
  CHECK(wide.doubles("large")[0] == large);
  CHECK(message([&] { wide.floats("large"); }).find("expected numbers within the range of float") !=
        std::string::npos);
}

TEST_CASE("safetensors: unaligned numbers of a foreign file") {
  std::string contents = bytes_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  while (contents.size() % 4 == 0) contents = bytes_of(contents.substr(8, contents.size() - 12) + " ", 4);
  contents.replace(contents.size() - 4, 4, std::string("\0\0\x80\x3f", 4));
  CHECK(SafetensorsFile::parse(contents, "f").floats("a") == std::vector<float>{1});
}

TEST_CASE("safetensors: the writer refuses what would not be a safetensors file") {
  const float one = 1;
  SafetensorsWriter writer;
  writer.add("a", {1}, &one);
  CHECK(message([&] { writer.add("a", {1}, &one); }) ==
        "SafetensorsWriter: tensor 'a': found that name twice, expected each name once");
  CHECK(message([&] { writer.add("__metadata__", {1}, &one); }).find("other than __metadata__") !=
        std::string::npos);
  CHECK(message([&] { writer.add("\xff", {1}, &one); }).find("tensor '\\xff'") != std::string::npos);
  CHECK(message([&] { writer.add("b", {-1}, &one); }).find("extents of at least 0") != std::string::npos);
  CHECK(message([&] {
          writer.add("b", {1LL << 40, 1LL << 40}, &one);
        }).find("overflow") != std::string::npos);
  CHECK(message([&] { writer.add("b", {1}, static_cast<float*>(nullptr)); }).find("null") !=
        std::string::npos);
  CHECK(message([&] { writer.add_bytes("b", "F33", {1}, &one, 4); }).find("the dtype 'F33'") !=
        std::string::npos);
  CHECK(message([&] { writer.add_bytes("b", "F64", {1}, &one, 4); }).find("found 4 bytes, expected 8") !=
        std::string::npos);
  CHECK(message([&] { writer.metadata("k", "\xff"); }).find("not UTF-8") != std::string::npos);
  const Folder folder;  // and what was refused has left no trace
  writer.write(folder / "a");
  CHECK(SafetensorsFile(folder / "a").tensors().size() == 1);
}

TEST_CASE("safetensors: a full disk leaves the old file and nothing else") {
  const Folder folder;
  const std::string path = folder / "weights.safetensors";
  const std::vector<float> numbers(1 << 16, 1.0f);
  SafetensorsWriter old_writer, writer;
  old_writer.add("old", {4}, numbers.data());
  old_writer.write(path);
  writer.add("new", {1 << 16}, numbers.data());
  // The system refuses to let a file grow beyond 4 KB, as it would on a full disk.
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  rlimit small = limit;
  small.rlim_cur = 4096;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text = message([&] { writer.write(path); });
  const std::string fresh = message([&] { writer.write(folder / "fresh"); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::signal(SIGXFSZ, old_handler);
  CHECK(text == path + ": cannot write: File too large");
  CHECK(fresh == (folder / "fresh") + ": cannot write: File too large");
  CHECK(folder.names() == std::vector<std::string>{"weights.safetensors"});
  CHECK(SafetensorsFile(path).floats("old") == std::vector<float>(4, 1.0f));
  writer.write(path);
  CHECK(SafetensorsFile(path).find("new") != nullptr);
}
