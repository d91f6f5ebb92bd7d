// What `gshard model` and `gshard train --dry-run` say of a model's program.
#pragma once

#include <string>
#include <string_view>

#include "model/mesh_layout.h"
#include "model/model.h"

namespace gshard {

// A title above a table; a name and what there is to say of it.
std::string heading(std::string_view text);
std::string line(std::string_view name, std::string_view text);

// The parameters in groups, with what each device holds of them.
std::string parameters_table(const ModelProgram& program, const MeshLayout& layout);
// What a step of a partitioned program sends.
std::string collectives_table(const Module& module);

}  // namespace gshard
