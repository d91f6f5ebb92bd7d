#include "shard/estimate.h"

namespace gshard {

void EstimatedTime::add(const EstimatedTime& other, double times) {
  operations_seconds += times * other.operations_seconds;
  traffic_seconds += times * other.traffic_seconds;
  local_seconds += times * other.local_seconds;
  sending_seconds += times * other.sending_seconds;
  bytes_sent += times * other.bytes_sent;
}

}  // namespace gshard
