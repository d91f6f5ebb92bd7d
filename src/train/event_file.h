// A file of events that TensorBoard draws: numbers by name and step.
//
//   EventFile events("run", 0);
//   events.add(120, "train/loss", 5.31);
//
// The format is TFRecord: of each record its length, a masked CRC-32C of that, the bytes, a masked CRC-32C of them. The
// bytes are an Event in protocol buffers, encoded here by hand. TensorBoard reads every file of a folder whose name
// holds "tfevents"; what a resumed run makes anew it forgets by the restart mark with which the next file begins.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace gshard {

// Not thread-safe.
class EventFile {
 public:
  // Creates FOLDER/events.out.tfevents.SECONDS.gshard.PROCESS. `after` is the step that the run goes on from. Throws
  // Error(program) where it cannot be written; so does add().
  EventFile(const std::string& folder, int64_t after);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  // Numbers that are not finite are left out.
  void add(int64_t step, std::string_view name, double value);
  void add_text(int64_t step, std::string_view name, std::string_view text);
  // Brings what was added to the file.
  void flush();

  const std::string& path() const { return path_; }

 private:
  void write(const std::string& event);

  std::string path_;
  std::FILE* file_ = nullptr;
};

// CRC-32C (Castagnoli) as iSCSI has it: of "123456789" 0xe3069283.
uint32_t crc32c(std::string_view bytes);

}  // namespace gshard
