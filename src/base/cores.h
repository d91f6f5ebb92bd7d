// How many processors there are to compute on.
#pragma once

namespace gshard {

// Those that the system lets this process run on (taskset, the cpuset of a container), at least 1.
int usable_cores();

// As many threads as an option asks for; 0 means one for each of those processors.
int thread_count(int wanted);

}  // namespace gshard
