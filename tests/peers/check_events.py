#!/usr/bin/env python3
"""Reads a run's event files as TensorBoard does and compares them with its metrics.jsonl. Needs tensorboard.

    check_events.py RUN
"""
import json
import math
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

NAMES = {'train/loss': 'loss', 'train/nll': 'nll', 'train/learning_rate': 'learning_rate',
         'train/gradient_norm': 'gradient_norm', 'speed/milliseconds_per_step': 'milliseconds'}


def main():
    run = sys.argv[1]
    with open(run + '/metrics.jsonl', encoding='utf-8') as file:
        records = [json.loads(line) for line in file]
    steps = [record for record in records if record['kind'] == 'step']
    events = EventAccumulator(run, size_guidance={'scalars': 0, 'tensors': 0}).Reload()
    compared = 0
    for name, field in NAMES.items():
        wanted = {record['step']: record[field] for record in steps if field in record}
        found = {e.step: e.value for e in events.Scalars(name)} if wanted else {}
        if found.keys() != wanted.keys():
            sys.exit(f'{name}: steps {sorted(found.keys() ^ wanted.keys())[:5]} are in one of the two alone')
        for step, value in wanted.items():
            if not math.isclose(found[step], value, rel_tol=1e-6):
                sys.exit(f'{name} at step {step}: {found[step]} and {value}')
        compared += len(wanted)
    config = events.Tensors('config')[-1].tensor_proto.string_val[0].decode()
    if not config.strip():
        sys.exit('the config is not there')
    print(f'{compared} numbers are equal, and {len(events.Tags()["scalars"])} curves are there')


if __name__ == '__main__':
    main()
