#include "shard/shardy.h"

#include <charconv>

#include "base/error.h"

namespace gshard {
namespace {

// Takes tokens from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), rest_(text) {}

  bool take(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail("'" + std::string(token) + "'");
  }
  void expect_end() {
    skip_space();
    if (!rest_.empty()) fail("nothing more");
  }
  std::string quoted() {
    expect("\"");
    const size_t end = rest_.find('"');
    if (end == std::string_view::npos) fail("a closing quote");
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return value;
  }
  std::string word() {
    skip_space();
    size_t end = 0;
    while (end < rest_.size() && std::string_view(" ,<>=[]{}").find(rest_[end]) == std::string_view::npos) ++end;
    if (end == 0) fail("a name");
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return value;
  }
  int64_t number() {
    skip_space();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) fail("a number");
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return value;
  }
  // One or more of `read`, separated by commas, up to `end`; none where `end` stands at once.
  template <class Read>
  void list(std::string_view end, Read read) {
    if (take(end)) return;
    do {
      read();
    } while (take(","));
    expect(end);
  }
  [[noreturn]] void fail(const std::string& expected) const {
    throw Error::program("Shardy attribute: expected " + expected + " at '" + std::string(rest_.substr(0, 24)) +
                         "' in '" + std::string(text_.substr(0, 200)) + "'");
  }

 private:
  void skip_space() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }
  std::string_view text_;
  std::string_view rest_;
};

// After `<`.
ShardyMesh mesh_body(Reader& reader, std::string name) {
  ShardyMesh mesh{std::move(name), {}, {}};
  reader.expect("[");
  reader.list("]", [&] {
    MeshAxis axis{reader.quoted(), 1};
    reader.expect("=");
    axis.size = reader.number();
    mesh.axes.push_back(std::move(axis));
  });
  if (reader.take(",")) {
    reader.expect("device_ids");
    reader.expect("=");
    reader.expect("[");
    reader.list("]", [&] { mesh.device_ids.push_back(reader.number()); });
  }
  reader.expect(">");
  return mesh;
}

ShardyAxis axis(Reader& reader) {
  ShardyAxis axis{reader.quoted(), 1, std::nullopt};
  if (!reader.take(":")) return axis;
  reader.expect("(");
  axis.major = reader.number();
  reader.expect(")");
  axis.size = reader.number();
  return axis;
}

std::vector<ShardyAxis> axes_in_braces(Reader& reader) {
  std::vector<ShardyAxis> axes;
  reader.expect("{");
  reader.list("}", [&] { axes.push_back(axis(reader)); });
  return axes;
}

ShardyDim dimension(Reader& reader) {
  ShardyDim dim;
  reader.expect("{");
  reader.list("}", [&] {
    if (reader.take("?")) {
      dim.open = true;
    } else {
      dim.axes.push_back(axis(reader));
    }
  });
  if (reader.take("p")) reader.number();  // how early it propagates
  return dim;
}

// After `<`.
ShardySharding sharding_body(Reader& reader) {
  ShardySharding sharding;
  if (reader.take("mesh<")) {
    sharding.inline_mesh = mesh_body(reader, "");
  } else {
    if (!reader.take("@")) reader.fail("a mesh ('@name' or 'mesh<[...]>')");
    sharding.mesh = reader.word();
  }
  reader.expect(",");
  reader.expect("[");
  reader.list("]", [&] { sharding.dims.push_back(dimension(reader)); });
  while (reader.take(",")) {
    if (reader.take("replicated")) {
      reader.expect("=");
      sharding.replicated = axes_in_braces(reader);
    } else {
      reader.expect("unreduced");
      reader.expect("=");
      sharding.unreduced = axes_in_braces(reader);
    }
  }
  reader.expect(">");
  return sharding;
}

}  // namespace

std::vector<ShardyMesh> read_shardy_meshes(std::string_view text) {
  std::vector<ShardyMesh> meshes;
  Reader reader(text);
  reader.expect("{");
  reader.list("}", [&] {
    std::string name = reader.word();
    reader.expect("=");
    reader.expect("#sdy.mesh<");
    meshes.push_back(mesh_body(reader, std::move(name)));
  });
  reader.expect_end();
  return meshes;
}

std::vector<ShardySharding> read_shardy_shardings(std::string_view text) {
  std::vector<ShardySharding> shardings;
  Reader reader(text);
  if (reader.take("#sdy.sharding_per_value<")) {
    reader.expect("[");
    reader.list("]", [&] {
      reader.expect("<");
      shardings.push_back(sharding_body(reader));
    });
    reader.expect(">");
  } else {
    if (!reader.take("#sdy.sharding<")) reader.expect("<");
    shardings.push_back(sharding_body(reader));
  }
  reader.expect_end();
  return shardings;
}

std::vector<std::string> read_manual_axes(std::string_view text) {
  std::vector<std::string> names;
  Reader reader(text);
  reader.expect("#sdy<manual_axes");
  reader.expect("{");
  reader.list("}", [&] { names.push_back(reader.quoted()); });
  reader.expect(">");
  reader.expect_end();
  return names;
}

std::optional<std::string> frontend_attribute(const FrontendAttributes& attributes, std::string_view name) {
  for (const auto& [key, written] : attributes) {
    if (key != name) continue;
    std::string value = written;
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    std::erase(value, '\\');
    return value;
  }
  return std::nullopt;
}

std::optional<std::string> frontend_attribute(const Instruction& instruction, std::string_view name) {
  const auto& attributes = instruction.notes().frontend_attributes;
  return attributes == nullptr ? std::nullopt : frontend_attribute(*attributes, name);
}

}  // namespace gshard
