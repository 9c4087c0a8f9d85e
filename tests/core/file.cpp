// SPDX-License-Identifier: Apache-2.0
// Files: written whole or not at all, and read with a limit.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <mmdl/core/file.hpp>

namespace file_test {

namespace {

template <class Action>
std::string message(const Action& action) {
  try {
    action();
  } catch (const mmdl::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string make_folder() {
  const char* base = std::getenv("TMPDIR");
  std::string path = std::string(base != nullptr ? base : "/tmp") + "/mmdl_file_XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  return path;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

TEST_CASE("AtomicFile: the file appears on commit, and only then") {
  const std::string folder = make_folder(), path = folder + "/a";
  const std::string temporary = path + "." + std::to_string(::getpid()) + ".tmp";
  {
    mmdl::AtomicFile file(path), second(path);
    file.write("one", 3);
    second.write(std::string_view("two"));
    CHECK_FALSE(exists(path));
    CHECK(exists(temporary));
    file.commit();
    CHECK(mmdl::read_file(path, 3) == "one");
    CHECK(message([&] { file.write("x", 1); }).find("after it was committed") != std::string::npos);
    CHECK(message([&] { file.commit(); }).find("after it was committed") != std::string::npos);
    CHECK(mmdl::read_file(path, 3) == "one");
    second.commit();
    CHECK(mmdl::read_file(path, 3) == "two");
    mmdl::AtomicFile never(path);
    never.write("three", 5);
  }
  CHECK_FALSE(exists(temporary));
  CHECK(mmdl::read_file(path, 3) == "two");
  ::unlink(path.c_str());
  CHECK(::rmdir(folder.c_str()) == 0);  // so nothing else was left in it
}

TEST_CASE("AtomicFile: links are followed and permissions kept") {
  const std::string folder = make_folder(), path = folder + "/a", link = folder + "/link";
  mmdl::write_file(path, "old");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  REQUIRE(::symlink("a", link.c_str()) == 0);
  mmdl::write_file(link, "new");
  struct stat status {};
  REQUIRE(::lstat(link.c_str(), &status) == 0);
  CHECK(S_ISLNK(status.st_mode));
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  CHECK(mmdl::read_file(path, 100) == "new");
  ::unlink(link.c_str());
  ::unlink(path.c_str());
  CHECK(::rmdir(folder.c_str()) == 0);
}

TEST_CASE("AtomicFile: failures name the path and the reason") {
  CHECK(message([] { mmdl::AtomicFile file("/nonexistent/a"); }) ==
        "/nonexistent/a: cannot create a file beside it: No such file or directory");
  CHECK(message([] { mmdl::AtomicFile file("/dev/null"); }).find("not a regular file") != std::string::npos);
  CHECK(message([] { mmdl::AtomicFile file("/tmp"); }).find("not a regular file") != std::string::npos);
}

TEST_CASE("read_file: up to the limit") {
  const std::string folder = make_folder(), path = folder + "/a";
  const std::string contents(100000, 'x');
  mmdl::write_file(path, contents);
  CHECK(mmdl::read_file(path, 100000) == contents);
  CHECK(message([&] { mmdl::read_file(path, 99999); }) ==
        path + ": found more than 99999 bytes, expected at most that many");
  CHECK(message([&] { mmdl::read_file(folder, 10); }) == folder + ": cannot read: Is a directory");
  CHECK(message([&] { mmdl::read_file(folder + "/b", 10); }) ==
        folder + "/b: cannot open: No such file or directory");
  mmdl::write_file(path, "");
  CHECK(mmdl::read_file(path, 0).empty());
  ::unlink(path.c_str());
  CHECK(::rmdir(folder.c_str()) == 0);
}

TEST_CASE("printable: one line, whatever the bytes") {
  CHECK(mmdl::detail::printable("a\nb\x7f\xff\u00fc") == "a\\x0ab\\x7f\\xff\u00fc");
  CHECK(mmdl::detail::printable(std::string(500, 'a')) == std::string(120, 'a') + "...");
  CHECK(mmdl::detail::valid_utf8("\u00fc\u732b\U0001f431"));
  CHECK_FALSE(mmdl::detail::valid_utf8("\xe0\x80\x80"));
  CHECK_FALSE(mmdl::detail::valid_utf8("\xf0\x80\x80\x80"));
  CHECK_FALSE(mmdl::detail::valid_utf8("\xc3"));
  CHECK_FALSE(mmdl::detail::valid_utf8("\xf5\x80\x80\x80"));
}

}  // namespace file_test
