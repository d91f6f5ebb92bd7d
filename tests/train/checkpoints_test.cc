// The folders of checkpoints: which are there, which go, and what is said of damaged ones.
#include "train/checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "scratch_folder.h"

namespace gshard {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// As the first version wrote it.
constexpr const char* kState =
    R"({"format": "gshard checkpoint 1", "steps": 3, "tokens": 50, "seconds": 1.5,
        "reader": "{\"batches\":3,\"draws\":9,\"taken\":[4,5],\"waiting\":[7]}",
        "corpus_sha256": "ab", "best_loss": null, "best_step": 0, "evaluations_since_best": 2})";

class CheckpointsTest : public testing::Test {
 protected:
  std::string add(const std::string& name) const {
    const std::string path = folder_.path("checkpoints/" + name);
    std::filesystem::create_directories(path);
    return path;
  }
  void add_state(const std::string& text) const {
    add("step-00000003");
    folder_.write("checkpoints/step-00000003/run.json", text);
  }
  std::string error_of_state() const {
    try {
      checkpoints_.state(3);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 3);
      return error.what();
    }
    return "";
  }

  const ScratchFolder folder_;
  const Checkpoints checkpoints_{folder_.path(".")};
};

TEST_F(CheckpointsTest, ThoseThatAreWholeAreThere) {
  EXPECT_THAT(checkpoints_.steps(), IsEmpty());
  EXPECT_FALSE(checkpoints_.newest());
  for (const char* name : {"step-00000020", "step-00000003", "step-00000030.partial", "other"}) add(name);
  EXPECT_THAT(checkpoints_.steps(), ElementsAre(3, 20));
  EXPECT_EQ(checkpoints_.newest(), 20);
}

TEST_F(CheckpointsTest, TheNewestAndTheBestStay) {
  for (const char* name : {"step-00000001", "step-00000002", "step-00000003", "step-00000004"}) add(name);
  checkpoints_.prune(1, 2);
  EXPECT_THAT(checkpoints_.steps(), ElementsAre(2, 4));
  checkpoints_.prune(3, 0);
  EXPECT_THAT(checkpoints_.steps(), ElementsAre(2, 4));
  checkpoints_.remove_from(3);
  EXPECT_THAT(checkpoints_.steps(), ElementsAre(2));
  EXPECT_FALSE(std::filesystem::exists(folder_.path("checkpoints/step-00000004.partial")));
}

TEST_F(CheckpointsTest, StatesOfTheFirstVersionAreRead) {
  add_state(kState);
  const RunState state = checkpoints_.state(3);
  EXPECT_EQ(state.progressed.steps, 3);
  EXPECT_EQ(state.reader.waiting, std::vector<int64_t>{7});
  EXPECT_EQ(state.evaluations_since_best, 2);
  EXPECT_EQ(state.vocabulary_sha256, "");
  EXPECT_THAT(state.directions, IsEmpty());
  EXPECT_EQ(state.micro_batches, 0);
  EXPECT_EQ(state.evaluated_step, -1);
}

TEST_F(CheckpointsTest, OfADamagedOneIsSaidWhatToDo) {
  const auto advice = AllOf(HasSubstr("checkpoints/step-00000003: it is damaged"),
                            HasSubstr("remove this checkpoint to go on from the one before"));
  add("step-00000003");
  EXPECT_THAT(error_of_state(), advice) << "no run.json";
  add_state("{");
  EXPECT_THAT(error_of_state(), advice);
  std::string text = kState;
  add_state(text.replace(text.find("batches"), 7, "batch__"));
  EXPECT_THAT(error_of_state(), AllOf(advice, HasSubstr("the position in the text is damaged")));
  EXPECT_THROW(checkpoints_.expect_arrays(3, {}), Error) << "no arrays";
}

}  // namespace
}  // namespace gshard
